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
/// The bulk of the inputs, whose values say what is small in the tails.
const BULK: f64 = 2.0;
/// How sharply a kink is located, relative to itself or to 1.
const SHARPNESS: f64 = 8.0 * f64::EPSILON;
/// Samples per panel.
const NODES: usize = 16;
/// How far a prediction may be off, relative to the largest sample of the panel or the bulk.
const TOLERANCE: f64 = 1e-11;
/// The narrowest panel that may count as smooth detail.
const FINEST: f64 = 1.0 / 128.0;
/// More kinks than this make no activation function.
const MOST_KINKS: usize = 256;

/// The kinks and the finest detail of `f`.
pub(super) fn features(f: &dyn Fn(f64) -> f64) -> Result<Features, ExpectationError> {
    let samples = Samples::new(f);
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
        let gap = 4.0 * SHARPNESS * kink.abs().max(1.0);
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
    /// The largest value in the bulk.
    floor: f64,
    nodes: [f64; NODES],
    /// Barycentric weights.
    weights: [f64; NODES],
    probes: [f64; NODES + 1],
}

impl Samples {
    fn new(f: &dyn Fn(f64) -> f64) -> Samples {
        let angle = |i: f64| -libm::cos(std::f64::consts::PI * i / NODES as f64);
        let bulk = (-8..=8).map(|i| f(BULK * f64::from(i) / 8.0).abs());
        Samples {
            floor: bulk.filter(|value| value.is_finite()).fold(0.0, f64::max),
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
        // Terms of the size of x may cancel in f: their rounding is no roughness.
        let rounding = 64.0 * f64::EPSILON * middle.abs();
        let tolerance = TOLERANCE * largest.max(self.floor) + rounding;
        let error = |(t, value): (&f64, &f64)| (self.interpolate(&values, *t) - value).abs();
        self.probes
            .iter()
            .zip(&actual)
            .map(error)
            .all(|e| e <= tolerance)
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
fn locate(f: &dyn Fn(f64) -> f64, lowest: f64, highest: f64) -> f64 {
    const CELLS: usize = 24;
    const WINDOW: usize = 4;
    let (mut left, mut right) = (lowest, highest);
    loop {
        let middle = 0.5 * (left + right);
        if right - left <= SHARPNESS * middle.abs().max(1.0) {
            return middle;
        }
        // A little more on either side, so that a kink at the edge is in the middle of a window;
        // but not beyond the panel, where other kinks are.
        let margin = 0.25 * (right - left);
        let (from, to) = ((left - margin).max(lowest), (right + margin).min(highest));
        let at = |i: usize| from + (to - from) * (i as f64 / CELLS as f64);
        let values: [f64; CELLS + 1] = std::array::from_fn(|i| f(at(i)));
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

#[cfg(test)]
mod tests {
    use super::super::catalogue::Activation;
    use super::*;

    fn kinks(f: impl Fn(f64) -> f64) -> Vec<f64> {
        features(&f).unwrap().kinks
    }

    #[test]
    fn every_declared_kink_is_found_and_no_other() {
        for activation in Activation::all() {
            let found = kinks(|x| activation.value(x));
            let declared = activation.kinks();
            assert_eq!(found.len(), declared.len(), "{activation}: {found:?}");
            for (found, declared) in found.iter().zip(&declared) {
                // A jump of the second derivative is seen to the square root of the precision.
                assert!(
                    (found - declared).abs() < 1e-6,
                    "{activation}: {found} {declared}"
                );
            }
        }
    }

    #[test]
    fn jumps_and_bends_are_located_to_the_last_places() {
        for at in [0.3, -7.77, 2.0f64.sqrt(), 100.1, -64.0] {
            for found in [
                kinks(|x| (x - at).abs()),
                kinks(|x| if x < at { 0.0 } else { 1.0 }),
            ] {
                let error = (found[0] - at).abs();
                assert!(
                    found.len() == 1 && error < 2e-15 * at.abs().max(1.0),
                    "{at}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn close_kinks_are_told_apart() {
        let found = kinks(|x| (x - 0.25).abs() - (x - 0.2505).abs());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0] - 0.25).abs() < 1e-12 && (found[1] - 0.2505).abs() < 1e-12);
    }

    #[test]
    fn staircases_are_found_step_by_step_and_noise_is_refused() {
        assert_eq!(kinks(|x| x.clamp(-50.3, 49.9).round()).len(), 100);
        let noise = |x: f64| f64::from((x * 1e6).to_bits() as u32 ^ 0x5bd1_e995);
        assert!(matches!(
            features(&noise),
            Err(ExpectationError::TooManyKinks { .. })
        ));
    }

    #[test]
    fn fine_smooth_detail_is_no_kink() {
        let wave = features(&|x: f64| libm::sin(30.0 * x)).unwrap();
        assert!(wave.kinks.is_empty() && wave.scale < 0.5 && wave.scale >= FINEST);
        assert_eq!(features(&libm::tanh).unwrap().scale, 1.0);
        assert!(kinks(|_| f64::NAN).is_empty() && kinks(|_| 0.0).is_empty());
    }
}
