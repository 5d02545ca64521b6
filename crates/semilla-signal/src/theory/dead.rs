//! Units that no sample reaches.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::f64::consts::FRAC_PI_2;

use foldhash::fast::RandomState;
use semilla::gaussian::{cdf, pdf};

use super::node::{Node, SignalId};
use super::whole::Whole;

/// Correlations below this are those of two units of opposite sign.
const OPPOSITE: f64 = -0.999;

/// The units that are dead behind activations that are 0 below 0.
pub(super) struct Deaths {
    /// For each signal that goes into one: the part of its units that are dead for all samples.
    parts: HashMap<SignalId, f64, RandomState>,
    /// The probability that all units are, at some place of the main path: born dead.
    pub(super) born: Option<f64>,
}

impl Deaths {
    pub(super) fn of(whole: &Whole) -> Self {
        let nodes = whole.followed.theory.nodes.iter().enumerate();
        let activated = nodes.filter_map(|(id, node)| Some((id, root(whole, node)?)));
        let activated: Vec<(SignalId, SignalId)> = activated.collect();
        let mut known: Option<Orthants> = None;
        let mut parts = HashMap::default();
        for &(_, root) in &activated {
            parts.extend(dead(whole.node(root), &mut known).map(|part| (root, part)));
        }
        let narrow: HashSet<SignalId, RandomState> =
            whole.narrow.iter().flatten().copied().collect();
        let mut alive = Some(1.0);
        for (_, root) in activated.iter().filter(|(id, _)| narrow.contains(id)) {
            let node = whole.node(*root);
            let all = match places(node) {
                Places::Pairs => Some(0.0),
                _ => parts.get(root).map(|part| part.powf(node.width())),
            };
            alive = alive.zip(all).map(|(alive, all)| alive * (1.0 - all));
        }
        Self {
            born: alive
                .filter(|_| !activated.is_empty())
                .map(|alive| 1.0 - alive),
            parts,
        }
    }

    pub(super) fn part(&self, id: SignalId) -> Option<f64> {
        self.parts.get(&id).copied()
    }
}

/// The signal of which a signal is a function that is 0 below 0.
fn root(whole: &Whole, node: &Node) -> Option<SignalId> {
    let form = node.forms.first()?;
    let is_normal = whole.node(form.root).signal.variance() > 0.0;
    (form.formula.is_silent_below_0() && is_normal).then_some(form.root)
}

/// What a unit has of one sample.
enum Places {
    /// One element.
    One,
    /// One, and another unit has its opposite: not both are dead.
    Pairs,
    /// Several.
    Many,
}

fn places(node: &Node) -> Places {
    let signal = &node.signal;
    let rest = signal.axes.all() & !node.units & !signal.samples();
    match signal.axes.places(rest) {
        count if count <= 1.0 => Places::One,
        count if count <= 2.0 && signal.correlations()[rest] < OPPOSITE => Places::Pairs,
        _ => Places::Many,
    }
}

/// The part of a signal's units that are below 0 in all samples. `None` of units with several
/// places, which are not alike in pairs.
fn dead(node: &Node, known: &mut Option<Orthants>) -> Option<f64> {
    if let Places::Many = places(node) {
        return None;
    }
    let signal = &node.signal;
    let (mean, variance) = (signal.mean, signal.variance());
    let samples = signal.axes.places(signal.samples());
    let alike = match samples > 1.0 {
        true => (signal.across_samples() - mean * mean) / variance,
        false => 1.0,
    };
    let part = match mean == 0.0 {
        true => {
            let orthants = match known.take() {
                Some(known) if known.count == samples => known,
                _ => Orthants::of(samples),
            };
            known.insert(orthants).all_below_0(alike)
        }
        false => all_below(-mean / variance.sqrt(), alike, samples),
    };
    part.is_finite().then_some(part)
}

/// The probabilities that so many normal numbers, all pairs of which have one correlation, are all
/// below 0, by their angle: between two angles they are all but straight.
struct Orthants {
    count: f64,
    /// Found where they are asked for.
    by_angle: Vec<OnceCell<f64>>,
}

impl Orthants {
    const ANGLES: u32 = 64;

    fn of(count: f64) -> Self {
        let by_angle = (0..=Self::ANGLES).map(|_| OnceCell::new()).collect();
        Self { count, by_angle }
    }

    fn at(&self, angle: usize) -> f64 {
        let of = || {
            let alike = (angle as f64 * FRAC_PI_2 / f64::from(Self::ANGLES)).cos();
            all_below(0.0, alike, self.count)
        };
        *self.by_angle[angle].get_or_init(of)
    }

    fn all_below_0(&self, alike: f64) -> f64 {
        let angle = alike.clamp(0.0, 1.0).acos() / FRAC_PI_2 * f64::from(Self::ANGLES);
        let low = (angle as usize).min(self.by_angle.len() - 2);
        let part = angle - low as f64;
        self.at(low) * (1.0 - part) + self.at(low + 1) * part
    }
}

/// The probability that so many normal numbers, all pairs of which have one correlation, are all
/// below a threshold: the mean over what they have in common.
fn all_below(threshold: f64, alike: f64, count: f64) -> f64 {
    const REACH: f64 = 8.0;
    const STEPS: u32 = 400;
    if alike >= 1.0 - 1e-9 || count <= 1.0 {
        return cdf(threshold);
    }
    let alike = alike.max(0.0);
    // Samples are whole.
    let samples = count as i32;
    let step = 2.0 * REACH / f64::from(STEPS);
    let at = |i: u32| {
        let z = -REACH + f64::from(i) * step;
        let own = (threshold - alike.sqrt() * z) / (1.0 - alike).sqrt();
        pdf(z) * cdf(own).powi(samples)
    };
    (0..=STEPS).map(at).sum::<f64>() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthants_of_like_pairs() {
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got} {want}");
        near(all_below(0.0, 0.0, 3.0), 0.125);
        near(all_below(0.7, 1.0, 9.0), cdf(0.7));
        // Two: 1/4 + asin(c) / 2π. Half alike, m are below with probability 1 / (m + 1).
        near(
            all_below(0.0, 0.3, 2.0),
            0.25 + 0.3f64.asin() / std::f64::consts::TAU,
        );
        near(all_below(0.0, 0.5, 15.0), 1.0 / 16.0);
        let (known, exact) = (Orthants::of(32.0), |c| all_below(0.0, c, 32.0));
        for c in [0.0, 0.3, 0.7, 0.95, 0.999] {
            let (got, want) = (known.all_below_0(c), exact(c));
            assert!((got - want).abs() < 0.02 * want + 1e-4, "{c}: {got} {want}");
        }
    }
}
