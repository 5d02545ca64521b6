//! The difference of paired scores, with its interval.

use serde::{Deserialize, Serialize};

use super::bootstrap::bca;
use super::quantile::median;

/// A difference with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// How it is located.
    pub of: Location,
    /// The difference; `None` where it is not finite, because one of the two diverges.
    pub value: Option<f64>,
    /// The interval's lower end; `None` where it has none.
    pub low: Option<f64>,
    /// The interval's upper end; `None` where it has none.
    pub high: Option<f64>,
}

/// The middle of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Their mean, with a BCa bootstrap interval.
    Mean,
    /// Their median, with an interval of order statistics, because trainings diverged.
    Median,
}

/// The differences a − b, seed by seed; 0 where both diverged.
pub(crate) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| if a == b { 0.0 } else { a - b })
        .collect()
}

/// Where differences lie: their mean with its [`bca`] interval, or, if one is infinite, their
/// median with an interval that asks nothing of the distribution: the sign test's (Conover 1999,
/// section 3.2). Of fewer than 6 differences the latter has no ends.
///
/// ```
/// use semilla_lab::statistics::{Location, difference};
///
/// let found = difference(&[0.01, 0.02, f64::INFINITY, 0.03, 0.02, 0.01], 0);
/// assert_eq!((found.of, found.value), (Location::Median, Some(0.02)));
/// assert_eq!((found.low, found.high), (Some(0.01), None));
/// ```
pub fn difference(differences: &[f64], seed: u64) -> Difference {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let (of, value) = middle(differences);
    if of == Location::Mean {
        let interval = bca(differences, mean, CONFIDENCE, seed);
        return Difference {
            of,
            value: finite(value),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        };
    }
    let mut sorted = differences.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = cut_off(sorted.len());
    let end = |place: usize| cut.and(sorted.get(place).copied()).and_then(finite);
    Difference {
        of,
        value: finite(value),
        low: end(cut.unwrap_or(0)),
        high: end(sorted.len() - 1 - cut.unwrap_or(0)),
    }
}

const CONFIDENCE: f64 = 0.95;

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean, or the median if a difference is infinite; NaN of none.
pub(crate) fn middle(differences: &[f64]) -> (Location, f64) {
    match differences.iter().all(|difference| difference.is_finite()) {
        true => (Location::Mean, mean(differences)),
        false => (Location::Median, median(differences).unwrap_or(f64::NAN)),
    }
}

/// How many of `count` sorted values may be cut off on either side, so that the rest spans the
/// median with the confidence; `None` if not even all of them do.
fn cut_off(count: usize) -> Option<usize> {
    let mut probability = libm::exp2(-(count as f64));
    let (mut tail, mut cut) = (0.0, None);
    for place in 0..count / 2 {
        tail += probability;
        if 2.0 * tail > 1.0 - CONFIDENCE {
            break;
        }
        cut = Some(place);
        probability *= (count - place) as f64 / (place + 1) as f64;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_as_tabulated() {
        // Conover 1999, table A3 at p = 0.5: the first with a two-sided level within 5 %.
        let cuts = [5, 6, 8, 9, 12, 15, 20].map(cut_off);
        let expected = [None, Some(0), Some(0), Some(1), Some(2), Some(3), Some(5)];
        assert_eq!(cuts, expected);
    }

    #[test]
    fn divergence() {
        let worst = f64::NEG_INFINITY;
        let found = differences(&[1.0, worst, worst, 0.5], &[0.5, worst, 1.0, worst]);
        assert_eq!(found, [0.5, 0.0, worst, f64::INFINITY]);
        let always = difference(&[worst; 8], 0);
        assert_eq!(
            (always.of, always.value, always.high),
            (Location::Median, None, None)
        );
        let none = difference(&[], 0);
        assert_eq!(
            (none.of, none.value, none.low),
            (Location::Mean, None, None)
        );
    }
}
