//! Bootstrap intervals.

use semilla::gaussian;

use super::draws::Draws;

/// An interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Resamples of a bootstrap: Efron & Tibshirani 1993, section 14.3, ask for 1000 or more.
const RESAMPLES: usize = 4000;

/// The bias-corrected and accelerated bootstrap interval of a statistic of the values: Efron, *Better
/// bootstrap confidence intervals*, JASA 82, 1987, with the acceleration by the jackknife (Efron &
/// Tibshirani 1993, equations 14.9 to 14.15). `None` of fewer than two values, or where a value is
/// not finite.
///
/// ```
/// use semilla_lab::statistics::bca;
///
/// let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
/// let values = [0.02, 0.01, 0.03, 0.02, 0.00, 0.01, 0.02, 0.03];
/// let interval = bca(&values, mean, 0.95, 0).unwrap();
/// assert!(0.0 < interval.low && interval.low < mean(&values) && mean(&values) < interval.high);
/// ```
pub fn bca(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    confidence: f64,
    seed: u64,
) -> Option<Interval> {
    let is_fit = values.len() > 1 && values.iter().all(|value| value.is_finite());
    let found = is_fit.then(|| statistic(values))?;
    let mut draws = Draws::new(seed, "bootstrap");
    let mut resample = vec![0.0; values.len()];
    let mut replicates = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        resample.fill_with(|| values[draws.below(values.len())]);
        replicates.push(statistic(&resample));
    }
    replicates.sort_by(f64::total_cmp);
    let correction = gaussian::quantile(part_below(&replicates, found));
    if !correction.is_finite() {
        // All resamples are alike, or all on one side.
        let (low, high) = (replicates[0], replicates[RESAMPLES - 1]);
        return Some(Interval { low, high });
    }
    let acceleration = acceleration(values, &statistic);
    let end = |tail: f64| {
        let shifted = correction + gaussian::quantile(tail);
        let level = gaussian::cdf(correction + shifted / (1.0 - acceleration * shifted));
        let place = (level * (RESAMPLES + 1) as f64) as usize;
        replicates[place.clamp(1, RESAMPLES) - 1]
    };
    let tail = (1.0 - confidence) / 2.0;
    Some(Interval {
        low: end(tail),
        high: end(1.0 - tail),
    })
}

/// The part of sorted values below one, half of it where they are equal.
fn part_below(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|&other| other < value);
    let up_to = sorted.partition_point(|&other| other <= value);
    f64::midpoint(below as f64, up_to as f64) / sorted.len() as f64
}

/// A sixth of the skewness of the statistic's values with one value left out.
fn acceleration(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> f64 {
    let without = |place: usize| {
        let rest = [&values[..place], &values[place + 1..]].concat();
        statistic(&rest)
    };
    let left_out: Vec<f64> = (0..values.len()).map(without).collect();
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in left_out {
        let apart = mean - value;
        squares += apart * apart;
        cubes += apart * apart * apart;
    }
    if squares == 0.0 {
        return 0.0;
    }
    cubes / (6.0 * squares * squares.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Efron & Tibshirani 1993, table 14.1: the spatial test data, A.
    const SPATIAL: [f64; 26] = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0,
        28.0, 34.0, 4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn variance(values: &[f64]) -> f64 {
        let mean = mean(values);
        let squares = values.iter().map(|value| (value - mean) * (value - mean));
        squares.sum::<f64>() / values.len() as f64
    }

    #[test]
    fn the_books_example() {
        assert!((variance(&SPATIAL) - 171.5).abs() < 0.05);
        assert!((acceleration(&SPATIAL, variance) - 0.061).abs() < 0.001);
        // With 2000 resamples the book has (115.8, 259.6); its percentile interval is (100.8, 233.9).
        let interval = bca(&SPATIAL, variance, 0.9, 0).unwrap();
        assert!((interval.low - 115.8).abs() < 4.0, "{interval:?}");
        assert!((interval.high - 259.6).abs() < 6.0, "{interval:?}");
    }

    #[test]
    fn means_of_a_symmetric_sample() {
        let values: Vec<f64> = (-10..=10).map(f64::from).collect();
        let interval = bca(&values, mean, 0.95, 0).unwrap();
        // ± 1.96 · √(36.67 / 21)
        assert!((interval.low + 2.59).abs() < 0.15, "{interval:?}");
        assert!((interval.high - 2.59).abs() < 0.15, "{interval:?}");
        assert_eq!(acceleration(&values, mean), 0.0);
    }

    #[test]
    fn degenerate_samples() {
        let one = Interval {
            low: 1.0,
            high: 1.0,
        };
        assert_eq!(bca(&[1.0; 5], mean, 0.95, 0), Some(one));
        assert_eq!(bca(&[1.0], mean, 0.95, 0), None);
        assert_eq!(bca(&[1.0, f64::INFINITY], mean, 0.95, 0), None);
    }
}
