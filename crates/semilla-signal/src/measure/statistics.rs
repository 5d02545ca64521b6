//! Statistics of an array of samples.

use std::ops::Range;

use rayon::prelude::*;
use serde::Serialize;

use crate::array::Array;
use crate::real::Real;
use crate::sums::sum_of;

/// An array of activations on the way forward. Samples lie along its first axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forward {
    /// The mean of all elements.
    pub mean: f64,
    /// The mean of their squares.
    pub second_moment: f64,
    /// How much samples differ: the variance over samples, averaged over all places.
    pub between_samples: f64,
    /// How much places differ: the variance of their means over samples.
    pub between_units: f64,
    /// The mean cosine between two samples; `None` of a single sample or of zeros.
    pub cosine: Option<f64>,
}

/// An array of gradients on the way back. Samples lie along its first axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Backward {
    /// The squared norm of a sample's gradient, averaged over samples.
    pub squared_norm: f64,
    /// The part of units that get no gradient from any sample: dead ones.
    pub dead: f64,
}

impl Forward {
    /// The statistics of an array.
    pub fn of<T: Real>(array: &Array<T>) -> Self {
        let samples = samples(array);
        let count = samples.len().max(1) as f64;
        let places = samples.first().map_or(0, |sample| sample.len());
        let total = (count * places as f64).max(1.0);
        let moments = samples.par_iter().map(|sample| {
            let sum = sum_of(sample, |x: T| x.f64());
            (sum, sum_of(sample, |x: T| x.f64() * x.f64()))
        });
        let moments: Vec<(f64, f64)> = moments.collect();
        let mean = moments.iter().map(|(sum, _)| sum).sum::<f64>() / total;
        let second_moment = moments.iter().map(|(_, squares)| squares).sum::<f64>() / total;
        // A sample without a direction counts as none.
        let scales: Vec<f64> = (moments.iter())
            .map(|&(_, squares)| {
                if squares > 0.0 {
                    1.0 / squares.sqrt()
                } else {
                    0.0
                }
            })
            .collect();
        let with_direction = scales.iter().filter(|&&scale| scale > 0.0).count() as f64;
        let parts = (0..places.div_ceil(PART)).into_par_iter().map(|part| {
            let part = part * PART..places.min((part + 1) * PART);
            along(&samples, &scales, part)
        });
        // In order, so that sums do not depend on the number of threads.
        let parts: Vec<[f64; 2]> = parts.collect();
        let [of_sums, together] = [0, 1].map(|n| parts.iter().map(|part| part[n]).sum::<f64>());
        let mean_square_of_means = of_sums / (count * count) / (places as f64).max(1.0);
        let pairs = with_direction * (with_direction - 1.0);
        Self {
            mean,
            second_moment,
            between_samples: (second_moment - mean_square_of_means).max(0.0),
            between_units: (mean_square_of_means - mean * mean).max(0.0),
            cosine: (pairs > 0.0).then(|| (together - with_direction) / pairs),
        }
    }
}

/// Places that are looked at together: as many as have their sums in the cache.
const PART: usize = 1024;

/// Over some places: the sums of the squares of what samples add up to, as they are and brought to
/// norm 1.
fn along<T: Real>(samples: &[&[T]], scales: &[f64], part: Range<usize>) -> [f64; 2] {
    let mut sums = [[0.0; PART]; 2];
    let [plain, scaled] = &mut sums;
    for (sample, &scale) in samples.iter().zip(scales) {
        let sums = plain.iter_mut().zip(scaled.iter_mut());
        for ((plain, scaled), x) in sums.zip(&sample[part.clone()]) {
            *plain += x.f64();
            *scaled += x.f64() * scale;
        }
    }
    sums.map(|sums| sum_of(&sums, |sum| sum * sum))
}

impl Backward {
    /// The statistics of the gradients of an array whose units lie along an axis.
    pub fn of<T: Real>(gradient: &Array<T>, units: usize) -> Self {
        let samples = samples(gradient);
        let squares = samples
            .par_iter()
            .map(|sample| sum_of(sample, |g: T| g.f64() * g.f64()));
        let squares: Vec<f64> = squares.collect();
        let shape = gradient.shape();
        let count = shape.get(units).copied().unwrap_or(1);
        let inner: usize = shape.iter().skip(units + 1).product::<usize>().max(1);
        let is_dead = |unit: &usize| {
            let mut rows = gradient.data().chunks(count.max(1) * inner);
            rows.all(|row| {
                let own = row.iter().skip(unit * inner).take(inner);
                own.copied().all(|g| g == T::zero())
            })
        };
        let dead = (0..count).into_par_iter().filter(is_dead).count();
        Self {
            squared_norm: squares.iter().sum::<f64>() / samples.len().max(1) as f64,
            dead: dead as f64 / count.max(1) as f64,
        }
    }
}

/// How much the loss feels the scale of an array whose units lie along an axis: the products of
/// elements with their gradients, summed over each unit or over each sample, beside what they would
/// be if signs were tossed (1). A normalization behind it takes its scale away: the sums are 0, of
/// units by batch normalization, of samples by layer and group normalization. `None` without
/// gradients, and of few units and samples.
pub(super) fn scale_felt<T: Real>(
    array: &Array<T>,
    gradient: &Array<T>,
    units: usize,
) -> Option<f64> {
    let shape = array.shape();
    let count = shape.get(units).copied().filter(|&count| count > 0)?;
    let inner: usize = shape.iter().skip(units + 1).product::<usize>().max(1);
    let samples: Vec<(&[T], &[T])> = samples(array).into_iter().zip(samples(gradient)).collect();
    let of_sample = |&(x, g): &(&[T], &[T])| {
        let (mut sums, mut squares) = (vec![0.0; count], 0.0);
        let rows = x.chunks(count * inner).zip(g.chunks(count * inner));
        for (x, g) in rows {
            let units = x.chunks(inner).zip(g.chunks(inner));
            for (sum, (x, g)) in sums.iter_mut().zip(units) {
                for (x, g) in x.iter().zip(g) {
                    let product = x.f64() * g.f64();
                    *sum += product;
                    squares += product * product;
                }
            }
        }
        (sums, squares)
    };
    let found: Vec<(Vec<f64>, f64)> = samples.par_iter().map(of_sample).collect();
    let squares: f64 = found.iter().map(|(_, squares)| squares).sum();
    let square = |sum: f64| sum * sum;
    let of_samples: f64 = (found.iter())
        .map(|(sums, _)| square(sums.iter().sum()))
        .sum();
    let of_units: f64 = (0..count)
        .map(|unit| square(found.iter().map(|(sums, _)| sums[unit]).sum()))
        .sum();
    let enough = [(of_samples, samples.len()), (of_units, count)];
    let enough = enough.into_iter().filter(|(_, sums)| *sums >= FEWEST);
    let least = enough.map(|(sum, _)| sum).min_by(f64::total_cmp)?;
    let felt = (least / squares).sqrt();
    felt.is_finite().then_some(felt)
}

/// Fewer sums may be small by chance.
const FEWEST: usize = 8;

/// The elements of each sample.
fn samples<T: Real>(array: &Array<T>) -> Vec<&[T]> {
    let count = array.shape().first().copied().unwrap_or(1);
    let len = array.data().len().checked_div(count).unwrap_or(0);
    match len {
        0 => Vec::new(),
        len => array.data().chunks(len).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_are_told_apart() {
        // Two samples of three units: units differ by 2, samples by 1 around them.
        let array = Array::new([2, 3], vec![-1.0, 1.0, 3.0, 1.0, 3.0, 5.0]).unwrap();
        let found = Forward::of(&array);
        assert_eq!(found.mean, 2.0);
        assert!((found.between_samples - 1.0).abs() < 1e-12);
        assert!((found.between_units - 8.0 / 3.0).abs() < 1e-12);
        let square = found.mean * found.mean + found.between_samples + found.between_units;
        assert!((found.second_moment - square).abs() < 1e-12);
        let cosine = (-1.0 + 3.0 + 15.0) / (11f64.sqrt() * 35f64.sqrt());
        assert!((found.cosine.unwrap() - cosine).abs() < 1e-12);
        assert_eq!(Forward::of(&Array::filled([2, 3], 0.0)).cosine, None);
    }

    #[test]
    fn normalized_scales_are_not_felt() {
        // 8 samples of 8 units in 2 places.
        let felt = |gradient: fn(usize, usize, usize) -> f64| {
            let at = |i: usize| gradient(i / 16, i / 2 % 8, i % 2);
            let gradient = Array::new([8, 8, 2], (0..128).map(at).collect()).unwrap();
            scale_felt(&Array::filled([8, 8, 2], 1.0), &gradient, 1)
        };
        // Along each unit, over samples and places, products add up to 0; then along each sample.
        assert_eq!(
            felt(|s, u, _| [1.0, -1.0][s % 2] * (u + 1) as f64),
            Some(0.0)
        );
        assert_eq!(
            felt(|s, u, _| [1.0, -1.0][u % 2] * (s + 1) as f64),
            Some(0.0)
        );
        assert!(felt(|s, u, _| (s + u) as f64).unwrap() > 1.0);
        assert_eq!(felt(|_, _, _| 0.0), None);
        // Of two samples and two units nothing can be said.
        let few = Array::filled([2, 2], 1.0);
        assert_eq!(scale_felt(&few, &few, 1), None);
    }

    #[test]
    fn units_without_gradients_are_dead() {
        let gradient = Array::new([2, 2, 2], vec![1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]).unwrap();
        let found = Backward::of(&gradient, 1);
        assert_eq!((found.squared_norm, found.dead), (2.5, 0.5));
        assert_eq!(Backward::of(&gradient, 2).dead, 0.0);
    }
}
