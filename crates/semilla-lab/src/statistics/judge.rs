//! Arms compared with each other.

use serde::{Deserialize, Serialize};

use super::difference::{Difference, difference, differences, mean};
use super::groups::groups;
use super::holm::holm;
use super::power::seeds_needed;
use super::quantile::median;
use super::sign_flip::sign_flip;
use super::superiority::superiority;

/// How arms are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The rate of false differences that is allowed, over all pairs together.
    pub level: f64,
    /// The power that needed seeds are counted for.
    pub power: f64,
    /// The smallest difference that matters.
    pub difference: f64,
    /// The seed of resampling.
    pub seed: u64,
}

/// Two arms, seed by seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The place of one arm.
    pub a: usize,
    /// The place of the other.
    pub b: usize,
    /// The seeds that both were trained with.
    pub seeds: usize,
    /// The difference of their scores: above 0 where `a` does better.
    pub difference: Difference,
    /// The probability of a difference at least as large if there were none, by flipping signs.
    pub p: f64,
    /// The same, adjusted for all pairs by Holm's method.
    pub p_adjusted: f64,
    /// Whether there is evidence of a difference: `p_adjusted` is within the level.
    pub is_different: bool,
    /// The probability that a training from `a` does better than one from `b`, half of it where
    /// they are equal.
    pub superiority: f64,
    /// The seeds that show the difference that matters, if these two were compared alone; `None`
    /// where trainings diverge, or more than a million are needed.
    pub seeds_needed: Option<usize>,
}

/// What scores say of arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The places of the arms that have scores, from the best to the worst median.
    pub order: Vec<usize>,
    /// Every pair of them.
    pub pairs: Vec<Pair>,
    /// Their largest sets without evidence of a difference, the best first.
    pub groups: Vec<Vec<usize>>,
}

/// Compares arms whose scores have the same seeds in the same places; of two, as many seeds as
/// both have. More is better; −∞ is a training that diverged.
///
/// ```
/// use semilla_lab::statistics::{Rules, judge};
///
/// let he = vec![0.91, 0.93, 0.92, 0.94, 0.90, 0.92, 0.93];
/// let xavier = he.iter().map(|score| score - 0.05).collect();
/// let rules = Rules { level: 0.05, power: 0.8, difference: 0.01, seed: 0 };
/// let found = judge(&[xavier, he], &rules);
/// assert!(found.pairs[0].is_different);
/// assert_eq!(found.groups, [[1], [0]]);
/// ```
pub fn judge(scores: &[Vec<f64>], rules: &Rules) -> Judged {
    let places = 0..scores.len();
    let mut order: Vec<usize> = places.filter(|&arm| !scores[arm].is_empty()).collect();
    let middle = |&arm: &usize| (median(&scores[arm]), total(&scores[arm]));
    order.sort_by(|a, b| {
        let (a, b) = (middle(a), middle(b));
        b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut pairs = Vec::new();
    for a in 0..scores.len() {
        for b in a + 1..scores.len() {
            pairs.extend(pair((a, &scores[a]), (b, &scores[b]), rules));
        }
    }
    let p: Vec<f64> = pairs.iter().map(|pair| pair.p).collect();
    for (pair, adjusted) in pairs.iter_mut().zip(holm(&p)) {
        pair.p_adjusted = adjusted;
        pair.is_different = adjusted <= rules.level;
    }
    Judged {
        groups: groups(&order, |a, b| differ(&pairs, a, b)),
        order,
        pairs,
    }
}

/// Whether there is evidence of a difference between two arms.
pub(crate) fn differ(pairs: &[Pair], a: usize, b: usize) -> bool {
    let is_theirs = |pair: &&Pair| [(a, b), (b, a)].contains(&(pair.a, pair.b));
    let pair = pairs.iter().find(is_theirs);
    pair.is_some_and(|pair| pair.is_different)
}

/// Whether there is evidence of a difference between any two of some arms.
///
/// ```
/// use semilla_lab::statistics::{Rules, differ_among, judge};
///
/// let rules = Rules { level: 0.05, power: 0.8, difference: 0.01, seed: 0 };
/// let found = judge(&[vec![0.9; 8], vec![0.8; 8]], &rules);
/// assert!(differ_among(&found.pairs, &[0, 1]));
/// assert!(!differ_among(&found.pairs, &[0]));
/// ```
pub fn differ_among(pairs: &[Pair], arms: &[usize]) -> bool {
    let mut all = arms.iter().enumerate();
    all.any(|(place, &a)| arms[place + 1..].iter().any(|&b| differ(pairs, a, b)))
}

/// The sum of the finite scores: it orders arms of the same median.
fn total(scores: &[f64]) -> f64 {
    scores.iter().filter(|score| score.is_finite()).sum()
}

fn pair(a: (usize, &[f64]), b: (usize, &[f64]), rules: &Rules) -> Option<Pair> {
    let found = differences(a.1, b.1);
    let seeds = found.len();
    let superiority = superiority(&a.1[..seeds], &b.1[..seeds])?;
    let p = sign_flip(&found, rules.seed);
    let needed = deviation(&found)
        .and_then(|deviation| seeds_needed(deviation, rules.difference, rules.level, rules.power));
    Some(Pair {
        a: a.0,
        b: b.0,
        seeds,
        difference: difference(&found, rules.seed),
        p,
        p_adjusted: p,
        is_different: false,
        superiority,
        seeds_needed: needed,
    })
}

/// The standard deviation; `None` of fewer than two values, or where one is not finite.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let variance = squares / values.len().checked_sub(1)? as f64;
    Some(variance.sqrt()).filter(|deviation| deviation.is_finite())
}

#[cfg(test)]
mod tests {
    use semilla::stream::Stream;

    use super::*;

    const RULES: Rules = Rules {
        level: 0.05,
        power: 0.8,
        difference: 0.01,
        seed: 0,
    };

    #[test]
    fn divergence_loses_to_what_trains() {
        let worst = f64::NEG_INFINITY;
        let found = judge(&[vec![worst; 8], vec![0.5; 8], vec![worst; 8]], &RULES);
        assert_eq!(found.order, [1, 0, 2]);
        assert_eq!(found.groups, [vec![1], vec![0, 2]]);
        let pair = &found.pairs[0];
        assert_eq!(
            (pair.p, pair.superiority, pair.difference.value),
            (2.0 / 256.0, 0.0, None)
        );
        assert_eq!(found.pairs[1].p, 1.0);
        assert_eq!(found.pairs[0].seeds_needed, None);
    }

    #[test]
    fn few_seeds_are_no_evidence() {
        let found = judge(&[vec![0.9; 3], vec![0.1; 3]], &RULES);
        assert!(!found.pairs[0].is_different);
        assert_eq!(found.groups, [[0, 1]]);
    }

    #[test]
    fn false_differences_are_as_rare_as_stated() {
        // examples/false_differences.rs does more of this.
        let uniform = |comparison: u64, place: u64| {
            let word = Stream::new(comparison, "simulated scores").word(place);
            f64::from(word) / f64::from(u32::MAX)
        };
        let is_found = |comparison: &u64| {
            let arm = |arm: u64| {
                (0..8)
                    .map(|seed| uniform(*comparison, 8 * arm + seed))
                    .collect()
            };
            judge(&[arm(0), arm(1)], &RULES).pairs[0].is_different
        };
        let found = (0..500).filter(is_found).count();
        // 6 of 128 flips are within the level: 23.4 of 500, with a standard error of 4.7.
        assert!((10..38).contains(&found), "{found}");
    }

    #[test]
    fn arms_of_a_partial_comparison() {
        let found = judge(&[vec![0.9; 6], vec![], vec![0.1; 7]], &RULES);
        assert_eq!(found.order, [0, 2]);
        assert_eq!(found.pairs.len(), 1);
        assert_eq!(
            (found.pairs[0].a, found.pairs[0].b, found.pairs[0].seeds),
            (0, 2, 6)
        );
        assert!(judge(&[], &RULES).order.is_empty());
    }
}
