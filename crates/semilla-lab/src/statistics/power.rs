//! How many seeds a difference needs.

use semilla::gaussian;

/// The probability that a two-sided paired test at a level finds a difference of `effect` standard
/// deviations of the differences with so many seeds: that of Student's t (Cohen 1988, chapter 2),
/// which sign flips of sums come close to (Hoeffding 1952). 0 of fewer than two seeds.
///
/// ```
/// // The usual table: 34 pairs show half a standard deviation at 80 %.
/// let found = semilla_lab::statistics::power(34, 0.5, 0.05);
/// assert!((found - 0.8078).abs() < 1e-4);
/// ```
pub fn power(seeds: usize, effect: f64, level: f64) -> f64 {
    if seeds < 2 {
        return 0.0;
    }
    let freedom = (seeds - 1) as f64;
    let shift = effect.abs() * (seeds as f64).sqrt();
    let critical = quantile(freedom, level / 2.0);
    above(critical, freedom, shift) + above(critical, freedom, -shift)
}

/// The fewest seeds with which sign flips find a difference of two arms whose differences have
/// this standard deviation, at a level and with a power. `None` if one of the numbers makes no
/// sense, or more than a million are needed.
///
/// ```
/// use semilla_lab::statistics::seeds_needed;
///
/// assert_eq!(seeds_needed(0.02, 0.01, 0.05, 0.8), Some(34));
/// ```
pub fn seeds_needed(deviation: f64, difference: f64, level: f64, wanted: f64) -> Option<usize> {
    let effect = difference.abs() / deviation;
    let is_sound = effect > 0.0 && (0.0..1.0).contains(&level) && (0.0..1.0).contains(&wanted);
    let fewest = is_sound.then(|| fewest_seeds(1, level))?;
    let sum = gaussian::quantile(1.0 - level / 2.0) + gaussian::quantile(wanted);
    let normal = (sum / effect).powi(2).ceil();
    if normal > MOST {
        return None;
    }
    if normal > LARGE {
        return Some(normal as usize);
    }
    let from = (normal as usize).max(fewest);
    (from..from + 64).find(|&seeds| power(seeds, effect, level) >= wanted)
}

const MOST: f64 = 1e6;
/// From here on Student's t is normal.
const LARGE: f64 = 2000.0;

/// The fewest seeds with which sign flips can find anything among so many pairs at a level: all
/// differences of one sign have the probability 2^(1-n), which Holm's method multiplies by the
/// number of pairs.
///
/// ```
/// use semilla_lab::statistics::fewest_seeds;
///
/// assert_eq!([1, 10, 36].map(|pairs| fewest_seeds(pairs, 0.05)), [6, 9, 11]);
/// ```
pub fn fewest_seeds(pairs: usize, level: f64) -> usize {
    (1 + libm::ceil(libm::log2(pairs.max(1) as f64 / level)).max(0.0) as usize).max(2)
}

/// The probability that Student's t, of a normal variable with mean `shift`, is above a value.
///
/// With the root s of the mean square of `freedom` normal variables it is E Φ(shift − value · s);
/// the expectation is a sum over even steps of ln s, which converges exponentially.
fn above(value: f64, freedom: f64, shift: f64) -> f64 {
    const STEPS: usize = 256;
    // Beyond these the density of ln s is below 1e-17.
    let low = -(80.0 / freedom).sqrt() - 40.0 / freedom;
    let high = (40.0 / freedom).sqrt();
    let width = (high - low) / STEPS as f64;
    let half = freedom / 2.0;
    let scale = std::f64::consts::LN_2 + half * libm::log(half) - libm::lgamma(half);
    let term = |step: usize| {
        let log = low + width * step as f64;
        let root = libm::exp(log);
        libm::exp(scale + freedom * log - half * root * root) * gaussian::cdf(shift - value * root)
    };
    width * (0..=STEPS).map(term).sum::<f64>()
}

/// The value that Student's t is above with a probability below one half.
fn quantile(freedom: f64, tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while above(high, freedom, 0.0) > tail && high < 1e9 {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        match above(middle, freedom, 0.0) > tail {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_students_table() {
        for (freedom, tail, expected) in [
            (1.0, 0.025, 12.706_204_736),
            (2.0, 0.05, 2.919_985_580),
            (5.0, 0.025, 2.570_581_836),
            (30.0, 0.005, 2.749_995_654),
            (1000.0, 0.025, 1.962_339_081),
        ] {
            let found = quantile(freedom, tail);
            assert!(
                (found - expected).abs() < 1e-8 * expected,
                "{freedom}: {found}"
            );
        }
    }

    #[test]
    fn power_as_tabulated() {
        // G*Power and R's power.t.test(type = "paired") agree on these.
        for (seeds, effect, expected) in [
            (10, 1.0, 0.803_1),
            (20, 0.5, 0.564_5),
            (5, 0.0, 0.05),
            (34, 0.5, 0.807_8),
        ] {
            let found = power(seeds, effect, 0.05);
            assert!(
                (found - expected).abs() < 2e-4,
                "{seeds}, {effect}: {found}"
            );
        }
        assert_eq!(power(1, 5.0, 0.05), 0.0);
    }

    #[test]
    fn seeds() {
        assert_eq!(seeds_needed(0.033, 0.01, 0.05, 0.8), Some(88));
        // However large the difference, fewer cannot show it.
        assert_eq!(seeds_needed(0.001, 1.0, 0.05, 0.8), Some(6));
        assert_eq!(seeds_needed(1.0, 0.002, 0.05, 0.8), None);
        assert_eq!(seeds_needed(0.0, 0.01, 0.05, 0.8), Some(6));
        assert_eq!(seeds_needed(1.0, 0.0, 0.05, 0.8), None);
        assert_eq!(seeds_needed(f64::INFINITY, 0.1, 0.05, 0.8), None);
    }
}
