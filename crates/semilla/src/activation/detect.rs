//! Finds where an unknown function is not smooth.
//!
//! Panels are halved until a polynomial through [`NODES`] samples predicts the function between
//! them. Where halving does not help there is a kink or a jump, and a search for the largest
//! fourth difference closes in on it.

use super::function::ExpectationError;
use super::quadrature::Features;

/// Kinks are searched in `[-DOMAIN, DOMAIN]`, which covers 10 deviations of inputs up to
/// variance 164.
const DOMAIN: f64 = 128.0;
/// Panels start at an odd place, so that no kink at a round number falls on an edge unseen.
const OFFSET: f64 = 0.381_966_011_250_105;
/// Samples per panel.
const NODES: usize = 16;
/// How far a prediction may be off, relative to the largest sample of the panel.
const TOLERANCE: f64 = 1e-11;
/// The narrowest panel that may count as smooth detail.
const FINEST: f64 = 1.0 / 128.0;
/// More kinks than this make no activation function.
const MOST_KINKS: usize = 256;

/// The kinks and the finest detail of `f`.
pub(super) fn features(f: &dyn Fn(f64) -> f64) -> Result<Features, ExpectationError> {
    let samples = Samples::new();
    let mut found = Features {
        kinks: Vec::new(),
        scale: 1.0,
    };
    // Depth first from the left, so that kinks come out in order.
    let mut pending: Vec<(f64, f64)> = (0..2 * DOMAIN as usize)
        .rev()
        .map(|i| i as f64 - DOMAIN - OFFSET)
        .map(|left| (left, left + 1.0))
        .collect();
    while let Some((left, right)) = pending.pop() {
        let width = right - left;
        if samples.predict(f, left, right) {
            continue;
        }
        if width > FINEST {
            let middle = 0.5 * (left + right);
            pending.extend([(middle, right), (left, middle)]);
            continue;
        }
        let kink = locate(f, left, right);
        if found.kinks.len() == MOST_KINKS {
            return Err(ExpectationError::TooManyKinks {
                limit: MOST_KINKS,
                near: kink,
            });
        }
        found.kinks.push(kink);
        // A second kink as close as this is looked for on both sides of the first, once each
        // side is wide enough to hold samples that differ.
        let gap = 4.0 * f64::EPSILON * kink.abs().max(1.0);
        let apart = |(a, b): &(f64, f64)| b - a > FINEST * 1e-3;
        pending.extend(
            [(kink + gap, right), (left, kink - gap)]
                .iter()
                .filter(|p| apart(p)),
        );
    }
    found.kinks.sort_by(f64::total_cmp);
    found.scale = finest_detail(f, &samples, &found.kinks);
    Ok(found)
}

/// The narrowest of the panels that smooth parts of `f` near the origin had to be cut into.
fn finest_detail(f: &dyn Fn(f64) -> f64, samples: &Samples, kinks: &[f64]) -> f64 {
    let crossed = |left: f64, right: f64| kinks.iter().any(|k| *k > left && *k < right);
    let mut width = 1.0;
    while width > FINEST {
        let count = (2.0 * DOMAIN / width) as usize;
        let resolved = (0..count).all(|i| {
            let left = i as f64 * width - DOMAIN - OFFSET;
            crossed(left, left + width) || samples.predict(f, left, left + width)
        });
        if resolved {
            break;
        }
        width *= 0.5;
    }
    width
}

/// Chebyshev samples of a panel, and probes between them.
struct Samples {
    nodes: [f64; NODES],
    /// Barycentric weights.
    weights: [f64; NODES],
    probes: [f64; NODES + 1],
}

impl Samples {
    fn new() -> Samples {
        let angle = |i: f64| -libm::cos(std::f64::consts::PI * i / NODES as f64);
        Samples {
            nodes: std::array::from_fn(|i| angle(i as f64 + 0.5)),
            weights: std::array::from_fn(|i| {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                sign * libm::sin(std::f64::consts::PI * (i as f64 + 0.5) / NODES as f64)
            }),
            // Both ends are among the probes: a jump beyond the last node shows.
            probes: std::array::from_fn(|i| angle(i as f64)),
        }
    }

    /// Whether the samples of `f` in `[left, right]` predict it at the probes. A panel that is
    /// not finite somewhere is left to the quadrature, which reports it where it matters.
    fn predict(&self, f: &dyn Fn(f64) -> f64, left: f64, right: f64) -> bool {
        let (middle, half) = (0.5 * (left + right), 0.5 * (right - left));
        let values = self.nodes.map(|t| f(half.mul_add(t, middle)));
        let actual = self.probes.map(|t| f(half.mul_add(t, middle)));
        let largest = values
            .iter()
            .chain(&actual)
            .fold(0.0f64, |most, v| most.max(v.abs()));
        if !largest.is_finite() || values.iter().chain(&actual).any(|v| v.is_nan()) {
            return true;
        }
        let error = |(t, value): (&f64, &f64)| (self.interpolate(&values, *t) - value).abs();
        self.probes
            .iter()
            .zip(&actual)
            .map(error)
            .all(|e| e <= TOLERANCE * largest)
    }

    fn interpolate(&self, values: &[f64; NODES], t: f64) -> f64 {
        let (mut above, mut below) = (0.0, 0.0);
        for ((node, weight), value) in self.nodes.iter().zip(&self.weights).zip(values) {
            let share = weight / (t - node);
            above += share * value;
            below += share;
        }
        above / below
    }
}

/// The place between `left` and `right` where `f` is least smooth, to the last places for a jump
/// or a bend; to the square root of them for a jump of the second derivative, which is enough to
/// integrate across.
fn locate(f: &dyn Fn(f64) -> f64, mut left: f64, mut right: f64) -> f64 {
    const CELLS: usize = 16;
    const WINDOW: usize = 4;
    loop {
        let step = (right - left) / CELLS as f64;
        let middle = 0.5 * (left + right);
        if step <= f64::EPSILON * middle.abs().max(1.0) * 0.125 {
            return middle;
        }
        // A window more on either side: a kink at the very edge is in the middle of some window.
        let at = |i: usize| left + (i as f64 - WINDOW as f64) * step;
        let values: [f64; CELLS + 2 * WINDOW + 1] = std::array::from_fn(|i| f(at(i)));
        let roughness = |w: &[f64]| (w[0] - 4.0 * w[1] + 6.0 * w[2] - 4.0 * w[3] + w[4]).abs();
        let windows = values.windows(WINDOW + 1).map(roughness).enumerate();
        let (start, most) = windows.fold((0, -1.0), |a, b| if b.1 > a.1 { b } else { a });
        let noise = values.iter().fold(0.0f64, |most, v| most.max(v.abs())) * f64::EPSILON;
        if most <= 32.0 * noise {
            return middle;
        }
        (left, right) = (at(start), at(start + WINDOW));
    }
}
