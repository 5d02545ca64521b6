//! The singular values of a difference, against those of noise.

use semilla::matrix::leading_values;

use super::report::Spectrum;

/// The most elements of a matrix that is looked at.
pub(super) const MOST: usize = 1 << 22;

/// Singular values that are looked for.
const VALUES: usize = 32;

/// The quantile of 0.999 of the Tracy-Widom law of order 1.
const TAIL: f64 = 3.27;

impl Spectrum {
    /// Of a row-major matrix whose elements have so many binary digits; `None` if it is 0, has a
    /// single row or column, or is not finite.
    pub(super) fn of(matrix: &[f64], rows: usize, columns: usize, digits: i32) -> Option<Self> {
        let total: f64 = matrix.iter().map(|x| x * x).sum();
        if rows < 2 || columns < 2 || total <= 0.0 || !total.is_finite() {
            return None;
        }
        let largest = leading_values(matrix, rows, columns, VALUES);
        let first = *largest.first()?;
        // What rounding makes of a matrix of low rank.
        let rounding = 2f64.powi(-digits) * (rows.max(columns) as f64).sqrt();
        let beyond_rounding = largest
            .iter()
            .filter(|&&value| value > rounding * first)
            .count();
        let is_all = beyond_rounding < VALUES || rows.min(columns) <= VALUES;
        let (noise_edge, beyond_noise) = beyond(&largest, total, rows, columns);
        Some(Self {
            rows,
            columns,
            stable_rank: total / (first * first),
            numerical_rank: is_all.then_some(beyond_rounding),
            noise_edge,
            beyond_noise,
            largest,
        })
    }
}

/// The edge of noise, and how many values are beyond it. What stands out does not count as noise,
/// so values are taken one after the other, each against the noise of those that are left.
fn beyond(largest: &[f64], total: f64, rows: usize, columns: usize) -> (f64, usize) {
    let (m, n) = (rows as f64, columns as f64);
    // Where the largest eigenvalue of a Wishart matrix is, and how far it strays.
    let ends = (m - 1.0).sqrt() + n.sqrt();
    let center = ends * ends;
    let spread = ends * (1.0 / (m - 1.0).sqrt() + 1.0 / n.sqrt()).cbrt();
    let mut rest = total;
    let mut count = 0;
    loop {
        let taken = count as f64;
        let free = (m - taken).max(1.0) * (n - taken).max(1.0);
        let edge = ((rest.max(0.0) / free) * (center + TAIL * spread)).sqrt();
        match largest.get(count) {
            Some(&value) if value > edge => {
                rest -= value * value;
                count += 1;
            }
            _ => return (edge, count),
        }
    }
}

#[cfg(test)]
mod tests {
    use semilla::stream::{Sampler, Stream};
    use semilla::{DType, Distribution};

    use super::*;

    fn noise(seed: u64, count: usize) -> Vec<f64> {
        let normal = Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        };
        let mut values = vec![0.0; count];
        let sampler = Sampler::new(&normal, DType::F64).unwrap();
        Stream::new(seed, "noise").fill(&sampler, 0, &mut values);
        values
    }

    #[test]
    fn noise_is_noise_at_every_shape() {
        for (place, (rows, columns)) in [(20, 20), (64, 300), (500, 200), (10, 784)]
            .into_iter()
            .enumerate()
        {
            let matrix = noise(place as u64, rows * columns);
            let found = Spectrum::of(&matrix, rows, columns, 24).unwrap();
            assert_eq!(found.beyond_noise, 0, "{rows} x {columns}: {found:?}");
        }
    }

    #[test]
    fn directions_are_counted_beside_noise() {
        let (rows, columns) = (300, 200);
        let mut matrix = noise(7, rows * columns);
        for direction in 0..3 {
            let (u, v) = (
                noise(100 + direction, rows),
                noise(200 + direction, columns),
            );
            for (at, x) in matrix.iter_mut().enumerate() {
                *x += 0.5 * u[at / columns] * v[at % columns];
            }
        }
        let found = Spectrum::of(&matrix, rows, columns, 24).unwrap();
        assert_eq!((found.beyond_noise, found.numerical_rank), (3, None));
    }

    #[test]
    fn a_product_of_two_factors_has_their_rank() {
        let (rows, columns) = (200, 260);
        let (u, v) = (noise(1, 4 * rows), noise(2, 4 * columns));
        let element = |at: usize| -> f64 {
            let terms = (0..4).map(|k| u[4 * (at / columns) + k] * v[4 * (at % columns) + k]);
            f64::from(terms.sum::<f64>() as f32)
        };
        let matrix: Vec<f64> = (0..rows * columns).map(element).collect();
        let found = Spectrum::of(&matrix, rows, columns, 24).unwrap();
        assert_eq!(found.numerical_rank, Some(4));
        assert!(found.stable_rank > 1.0 && found.stable_rank <= 4.0);
        assert_eq!(Spectrum::of(&[0.0; 6], 2, 3, 24), None);
    }
}
