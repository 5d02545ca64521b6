//! An arm against itself.

use serde::{Deserialize, Serialize};

use super::difference::{differences, middle};
use super::draws::Draws;
use super::quantile::quantile;
use super::sign_flip::sign_flip;

/// What an arm does to itself: sets of its own runs, compared as arms are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// The runs of a set.
    pub seeds: usize,
    /// The pairs of sets that were drawn.
    pub draws: usize,
    /// The part of them that the test calls different at the level.
    pub false_differences: f64,
    /// The part of them whose difference is larger than the one that matters: what comparing
    /// averages without a test would call different.
    pub beyond: f64,
    /// 95 % of the differences are no larger; `None` where that is not finite.
    pub spread: Option<f64>,
}

const DRAWS: usize = 1000;

/// Draws pairs of disjoint sets from the scores of one arm, each half of them, and compares them.
/// `None` of fewer than two scores.
///
/// ```
/// use semilla_lab::statistics::self_check;
///
/// let scores: Vec<f64> = (0..20).map(|i| 0.9 + 0.01 * f64::from(i % 7)).collect();
/// let found = self_check(&scores, 0.05, 0.01, 0).unwrap();
/// assert!(found.false_differences < 0.07);
/// ```
pub fn self_check(scores: &[f64], level: f64, matters: f64, seed: u64) -> Option<SelfCheck> {
    let seeds = scores.len() / 2;
    if seeds == 0 {
        return None;
    }
    let mut draws = Draws::new(seed, "self-check");
    let mut scores = scores.to_vec();
    let (mut different, mut sizes) = (0, Vec::with_capacity(DRAWS));
    for _ in 0..DRAWS {
        for last in (1..scores.len()).rev() {
            scores.swap(last, draws.below(last + 1));
        }
        let found = differences(&scores[..seeds], &scores[seeds..2 * seeds]);
        different += usize::from(sign_flip(&found, seed) <= level);
        sizes.push(middle(&found).1.abs());
    }
    let beyond = sizes.iter().filter(|&&size| size > matters).count();
    Some(SelfCheck {
        seeds,
        draws: DRAWS,
        false_differences: different as f64 / DRAWS as f64,
        beyond: beyond as f64 / DRAWS as f64,
        spread: quantile(&sizes, 0.95).filter(|spread| spread.is_finite()),
    })
}
