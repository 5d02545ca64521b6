//! In how many directions samples differ.

use crate::array::Array;
use crate::real::Real;
use crate::sums::dot;

/// Samples, and elements of each, beyond which a part stands for all.
const SAMPLES: usize = 64;
const ELEMENTS: usize = 4096;

/// The number of directions in which samples differ: (Σλ)² / Σλ² over the eigenvalues λ of their
/// covariance (the participation ratio). Samples lie along the first axis. 0 where all are the
/// same.
pub(super) fn directions<T: Real>(array: &Array<T>) -> f64 {
    let count = array.shape().first().copied().unwrap_or(1);
    let len = array.data().len().checked_div(count).unwrap_or(0);
    if len == 0 {
        return 0.0;
    }
    let step = len.div_ceil(ELEMENTS);
    let samples = array.data().chunks(len).take(SAMPLES);
    let mut samples: Vec<Vec<f64>> = samples
        .map(|sample| sample.iter().step_by(step).map(|x| x.f64()).collect())
        .collect();
    let places = samples[0].len();
    for place in 0..places {
        let mean = samples.iter().map(|sample| sample[place]).sum::<f64>() / samples.len() as f64;
        samples.iter_mut().for_each(|sample| sample[place] -= mean);
    }
    // The products of samples have the eigenvalues of the covariance, but for a factor.
    participation(&samples)
}

/// (Σλ)² / Σλ² over the eigenvalues λ of the products of rows; 0 of zeros.
pub(super) fn participation(rows: &[impl AsRef<[f64]>]) -> f64 {
    let (mut trace, mut squares) = (0.0, 0.0);
    for (place, row) in rows.iter().map(AsRef::as_ref).enumerate() {
        let own = dot(row, row);
        trace += own;
        squares += own * own;
        let others = rows[..place].iter().map(|other| dot(row, other.as_ref()));
        squares += 2.0 * others.map(|product| product * product).sum::<f64>();
    }
    if squares > 0.0 {
        trace * trace / squares
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_counted() {
        let array = |data: Vec<f64>, width| Array::new([data.len() / width, width], data).unwrap();
        // Along one line, whatever the mean.
        let line = array(vec![1.0, 5.0, 2.0, 7.0, 3.0, 9.0], 2);
        assert!((directions(&line) - 1.0).abs() < 1e-12);
        let cross = array(vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2);
        assert!((directions(&cross) - 2.0).abs() < 1e-12);
        assert_eq!(directions(&array(vec![1.0; 6], 2)), 0.0);
    }
}
