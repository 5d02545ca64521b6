//! What finite width adds: how far a network of random weights strays from the mean of all.
//!
//! Each layer of n units adds a relative variance of about κ/n to a squared length or gradient,
//! κ = (E f⁴ - (E f²)²)/(E f²)² (Hanin and Rolnick, "How to Start Training", 2018, section 3): the
//! logarithm spreads, and its mean falls below the logarithm of the mean. The fluctuations of all
//! signals and gradients are followed to first order: each is a sum of shares of earlier ones and
//! of a new one.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A fluctuation: of the logarithm of a mean square around its expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NoiseId(usize);

/// All fluctuations of a network.
pub(super) struct Noises {
    nodes: Vec<Noise>,
    /// Covariances that were found: they never change.
    known: RefCell<HashMap<(NoiseId, NoiseId), f64, RandomState>>,
}

struct Noise {
    parents: Vec<(NoiseId, f64)>,
    variance: f64,
    drift: f64,
}

/// The relative spread of a quantity over random weights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    /// The variance of its logarithm.
    pub(super) variance: f64,
    /// The mean of its logarithm less the logarithm of its mean: not above 0.
    pub(super) drift: f64,
}

/// Pairs of fluctuations that are looked at for all covariances of a network, about.
const MOST_PAIRS: usize = 1 << 14;
/// A share of a covariance that does not matter.
const NEGLIGIBLE: f64 = 1e-3;

impl Noises {
    /// That of something known.
    pub(super) const NONE: NoiseId = NoiseId(0);

    pub(super) fn new() -> Self {
        let nodes = vec![Noise {
            parents: Vec::new(),
            variance: 0.0,
            drift: 0.0,
        }];
        Self {
            nodes,
            known: RefCell::default(),
        }
    }

    /// Shares of earlier fluctuations, and a new one of a relative variance: that of a mean of
    /// squares with 2/`own` degrees of freedom.
    pub(super) fn add(&mut self, parents: &[(NoiseId, f64)], own: f64) -> NoiseId {
        let mut merged: Vec<(NoiseId, f64)> = Vec::with_capacity(parents.len());
        for &(parent, share) in parents {
            if parent == Self::NONE || share == 0.0 {
                continue;
            }
            match merged.iter_mut().find(|(known, _)| *known == parent) {
                Some((_, sum)) => *sum += share,
                None => merged.push((parent, share)),
            }
        }
        let own = if own > 1e-12 { own } else { 0.0 };
        if own == 0.0 && merged.is_empty() {
            return Self::NONE;
        }
        let half = 1.0 / own;
        let (mut variance, mut drift) = match own > 0.0 {
            true => (trigamma(half), digamma(half) - half.ln()),
            false => (0.0, 0.0),
        };
        for (i, &(a, share_a)) in merged.iter().enumerate() {
            drift += share_a * self.nodes[a.0].drift;
            variance += share_a * share_a * self.nodes[a.0].variance;
            for &(b, share_b) in &merged[..i] {
                variance += 2.0 * share_a * share_b * self.covariance(a, b);
            }
        }
        self.nodes.push(Noise {
            parents: merged,
            variance: variance.max(0.0),
            drift,
        });
        NoiseId(self.nodes.len() - 1)
    }

    pub(super) fn spread(&self, id: NoiseId) -> Spread {
        let node = &self.nodes[id.0];
        Spread {
            variance: node.variance,
            drift: node.drift,
        }
    }

    /// The covariance of two fluctuations: the later one is taken apart until it is the earlier.
    pub(super) fn covariance(&self, a: NoiseId, b: NoiseId) -> f64 {
        let mut search = Search {
            nodes: &self.nodes,
            known: &mut self.known.borrow_mut(),
            budget: MOST_PAIRS / self.nodes.len().max(16),
        };
        search.between(a, b, 1.0)
    }
}

/// A search for a covariance. What is far back or of little weight is left out, so that deep
/// networks cost little.
struct Search<'n> {
    nodes: &'n [Noise],
    known: &'n mut HashMap<(NoiseId, NoiseId), f64, RandomState>,
    budget: usize,
}

impl Search<'_> {
    /// `weight` is what the covariance will be multiplied by.
    fn between(&mut self, a: NoiseId, b: NoiseId, weight: f64) -> f64 {
        let (mut late, mut early, mut share) = (a.max(b), a.min(b), 1.0);
        // One parent needs no record: most ways are long and straight.
        let parents = loop {
            if early == Noises::NONE || (share * weight).abs() < NEGLIGIBLE || self.budget == 0 {
                return 0.0;
            }
            self.budget -= 1;
            let node = &self.nodes[late.0];
            if late == early {
                return share * node.variance;
            }
            match *node.parents {
                [] => return 0.0,
                [(parent, own)] => {
                    share *= own;
                    (late, early) = (parent.max(early), parent.min(early));
                }
                _ => break &node.parents,
            }
        };
        if let Some(found) = self.known.get(&(late, early)) {
            return share * found;
        }
        let mut found = 0.0;
        for &(parent, own) in parents {
            found += own * self.between(parent, early, weight * share * own);
        }
        // What was left out here may matter where the covariance has more weight.
        if self.budget > 0 && (share * weight).abs() > 0.1 {
            self.known.insert((late, early), found);
        }
        share * found
    }
}

/// `ψ(x)` for x > 0, to ten digits: up to where its asymptotic series serves.
fn digamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 8.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let tail = square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0));
    sum + x.ln() - 0.5 / x - tail
}

/// `ψ'(x)` for x > 0.
fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let tail = square * (1.0 / 6.0 - square * (1.0 / 30.0 - square / 42.0));
    sum + (1.0 + 0.5 / x + tail) / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_mean_squares() {
        assert!((digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-9);
        assert!((trigamma(1.0) - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-9);
        // ln of one squared normal number: mean -1.27, variance π²/2.
        let mut noises = Noises::new();
        let one = noises.add(&[], 2.0);
        let spread = noises.spread(one);
        assert!((spread.drift + 1.270_362_845).abs() < 1e-8);
        assert!((spread.variance - std::f64::consts::PI.powi(2) / 2.0).abs() < 1e-8);
    }

    #[test]
    fn shares_of_the_same_fluctuation_add_up_before_they_are_squared() {
        let mut noises = Noises::new();
        let a = noises.add(&[], 1e-4);
        let variance = noises.spread(a).variance;
        assert!((variance / 1e-4 - 1.0).abs() < 1e-3);
        let b = noises.add(&[(a, 0.5)], 0.0);
        let sum = noises.add(&[(a, 0.5), (b, 1.0)], 0.0);
        assert!((noises.spread(sum).variance / variance - 1.0).abs() < 1e-12);
        let other = noises.add(&[], 1e-4);
        assert_eq!(noises.covariance(a, other), 0.0);
        assert!((noises.covariance(sum, a) / variance - 1.0).abs() < 1e-12);
    }

    /// The median of a deep narrow network: e^-0.5 of the mean for 10 layers of 50 ReLU units.
    #[test]
    fn the_drift_of_ten_layers_of_fifty_units() {
        let mut noises = Noises::new();
        let mut last = Noises::NONE;
        for _ in 0..10 {
            last = noises.add(&[(last, 1.0)], 5.0 / 50.0);
        }
        let spread = noises.spread(last);
        assert!((spread.drift + 0.5).abs() < 0.02, "{spread:?}");
        assert!((spread.variance - 1.0).abs() < 0.06, "{spread:?}");
    }
}
