//! Finds where an unknown function is not smooth.
//!
//! From the origin outwards, panels are halved until a polynomial through [`NODES`] samples
//! predicts the function between them. Where halving does not help there is a kink or a jump, and
//! a search for the largest fourth difference closes in on it. Rounding noise, as of a closure
//! that computes in `f32`, is measured and allowed for.

use super::error::ExpectationError;
use super::quadrature::{Features, REACH};

/// Kinks are searched in `[-DOMAIN, DOMAIN]`, which covers 10 deviations of inputs up to
/// variance 164.
const DOMAIN: i32 = 128;
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
const FINEST: f64 = 1.0 / 2048.0;
/// The narrowest panel beside a kink.
const NARROWEST: f64 = 1.0 / 131_072.0;
/// More kinks than this are not located.
const MOST_KINKS: usize = 256;
/// Bounds the work for a function that is all detail.
const MOST_PANELS: usize = 1 << 17;
/// How many deviations of the noise a prediction may be off.
const NOISE_REACH: f64 = 64.0;
/// Noise below this part of the largest sample is the rounding of `f64`, which needs no allowance.
const QUIETEST: f64 = 64.0 * f64::EPSILON;
/// Noise above this part of the bulk's largest sample asks for wider steps of derivatives.
const NOISY: f64 = 1e-10;
/// Noise above this part of the largest sample does not come from rounding.
const LOUDEST: f64 = 1e-5;

/// The kinks and the finest detail of `f`.
///
/// # Errors
/// `f` is too rough for the search within the reach of inputs of unit variance. Farther out the
/// search just ends: the quadrature reports where that matters.
pub(super) fn features(f: &dyn Fn(f64) -> f64) -> Result<Features, ExpectationError> {
    let mut search = Search {
        f,
        samples: Samples::new(f),
        kinks: Vec::new(),
        detail: 1.0,
        noise: 0.0,
        panels: 0,
    };
    for start in (0..DOMAIN).flat_map(|i| [i, -1 - i]) {
        let left = f64::from(start) - OFFSET;
        match search.panel(left) {
            Ok(()) => {}
            Err(TooRough { near }) if near.abs() <= REACH => {
                return Err(ExpectationError::TooManyKinks {
                    limit: MOST_KINKS,
                    near,
                });
            }
            Err(_) => break,
        }
    }
    search.kinks.sort_by(f64::total_cmp);
    Ok(Features {
        kinks: search.kinks,
        scale: search.detail,
        noisy: search.noise > NOISY * search.samples.floor,
        reach: f64::INFINITY,
    })
}

/// The search has used up its kinks or its panels.
struct TooRough {
    near: f64,
}

/// A search, with its findings so far.
struct Search<'f> {
    f: &'f dyn Fn(f64) -> f64,
    samples: Samples,
    kinks: Vec<f64>,
    /// The narrowest of the panels that smooth parts had to be cut into.
    detail: f64,
    /// The largest noise of a panel of width 1.
    noise: f64,
    panels: usize,
}

impl Search<'_> {
    /// Searches the panel of width 1 from `left`.
    fn panel(&mut self, left: f64) -> Result<(), TooRough> {
        let right = left + 1.0;
        if self.is_smooth(left, right, 0.0) {
            return Ok(());
        }
        // Where a function saturates, its noise is rare steps: noise nearer the origin counts.
        self.noise = noise(self.f, left, right, self.samples.floor).max(self.noise);
        self.refine(left, right, self.noise, FINEST).map(|_| ())
    }

    /// Searches a panel by halves, down to the width `finest`. Says whether it is smooth all
    /// through, without a kink and without the allowance for noise.
    fn refine(&mut self, left: f64, right: f64, noise: f64, finest: f64) -> Result<bool, TooRough> {
        self.panels += 1;
        if self.panels > MOST_PANELS {
            return Err(TooRough { near: left });
        }
        if self.is_smooth(left, right, 0.0) {
            return Ok(true);
        }
        if noise > 0.0 && self.is_smooth(left, right, noise) {
            return Ok(false);
        }
        let width = right - left;
        if width > finest {
            let middle = 0.5 * (left + right);
            let below = self.refine(left, middle, noise, finest)?;
            let smooth = self.refine(middle, right, noise, finest)? && below;
            if smooth && width > FINEST {
                // Half the width, without its rounding.
                self.detail = self.detail.min(power_of_two(0.75 * width));
            }
            return Ok(smooth);
        }
        self.rough(left, right, noise)?;
        Ok(false)
    }

    /// Searches the finest of panels that is not smooth: for noise of its own, or for a kink, and
    /// for others on both sides of that.
    fn rough(&mut self, left: f64, right: f64, outer_noise: f64) -> Result<(), TooRough> {
        let noise = noise(self.f, left, right, self.samples.floor).max(outer_noise);
        if noise > outer_noise && self.is_smooth(left, right, noise) {
            return Ok(());
        }
        let (kink, blur) = locate(self.f, left, right, noise);
        if self.kinks.len() == MOST_KINKS {
            return Err(TooRough { near: kink });
        }
        self.kinks.push(kink);
        // Sides too narrow for samples that differ are left alone.
        let gap = blur.max(4.0 * SHARPNESS * kink.abs().max(1.0));
        for (from, to) in [(left, kink - gap), (kink + gap, right)] {
            if to - from > NARROWEST {
                self.refine(from, to, noise, NARROWEST)?;
            }
        }
        Ok(())
    }

    fn is_smooth(&self, left: f64, right: f64, noise: f64) -> bool {
        self.samples.predict(self.f, left, right, noise)
    }
}

/// The deviation of what looks random in `f` between `left` and `right`: the upper quartile over
/// a few sites of the eighth difference at the finest steps at which `f32` changes (J. J. Moré and
/// S. M. Wild, "Estimating Computational Noise", SIAM J. Sci. Comput. 33 (2011), section 2). 0
/// where it is that of `f64` or too large to be rounding, relative to the values or to `floor`.
fn noise(f: &dyn Fn(f64) -> f64, left: f64, right: f64, floor: f64) -> f64 {
    const SITES: usize = 15;
    const DIFFERENCE: [f64; 9] = [1.0, -8.0, 28.0, -56.0, 70.0, -56.0, 28.0, -8.0, 1.0];
    /// Some steps of `f32`, and no multiple of them, whose roundings would agree.
    const STEP: f64 = 3.9e-7;
    /// Independent values of deviation 1 have eighth differences of this variance.
    const VARIANCE: f64 = 12870.0;
    let reach = left.abs().max(right.abs()).max(1.0);
    let step = (STEP * reach).min((right - left) / 64.0);
    let mut largest = floor;
    let mut deviations: [f64; SITES] = std::array::from_fn(|site| {
        let start = left + (right - left) * (site as f64 + 0.31) / SITES as f64;
        let values: [f64; 9] = std::array::from_fn(|i| f(start + step * i as f64));
        largest = values.iter().fold(largest, |most, v| most.max(v.abs()));
        let terms = DIFFERENCE.iter().zip(&values).map(|(d, v)| d * v);
        (terms.sum::<f64>() / VARIANCE.sqrt()).abs()
    });
    deviations.sort_by(f64::total_cmp);
    // A function may be constant in half of the panel.
    let typical = deviations[3 * SITES / 4];
    if (QUIETEST * largest..=LOUDEST * largest).contains(&typical) {
        typical
    } else {
        0.0
    }
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

    /// Whether the samples of `f` in `[left, right]` predict it at the probes, but for noise of
    /// this deviation. A panel that is not finite somewhere is left to the quadrature, which
    /// reports it where it matters.
    fn predict(&self, f: &dyn Fn(f64) -> f64, left: f64, right: f64, noise: f64) -> bool {
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
        // Terms of the size of x may cancel in f: their rounding does not count as roughness.
        let rounding = 64.0 * f64::EPSILON * middle.abs();
        let tolerance = TOLERANCE * largest.max(self.floor) + rounding + NOISE_REACH * noise;
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
/// integrate across. With how far off that may be; noise of the given deviation blurs it.
fn locate(f: &dyn Fn(f64) -> f64, lowest: f64, highest: f64, noise: f64) -> (f64, f64) {
    const CELLS: usize = 24;
    const WINDOW: usize = 4;
    let (mut left, mut right) = (lowest, highest);
    loop {
        let middle = 0.5 * (left + right);
        if right - left <= SHARPNESS * middle.abs().max(1.0) {
            return (middle, 0.5 * (right - left));
        }
        // A little more on either side, so that a kink at the edge is in the middle of a window;
        // but not beyond the panel, where other kinks are.
        let margin = 0.25 * (right - left);
        let (from, to) = ((left - margin).max(lowest), (right + margin).min(highest));
        let place = power_of_two(middle.abs()) * f64::EPSILON;
        let mut step = (to - from) / CELLS as f64;
        let mut first = from;
        if step < 64.0 * place {
            // Exact places: their rounding would look like roughness.
            step = power_of_two(step).max(place);
            first = (from / step).ceil() * step;
        }
        let count = ((to - first) / step).round() as usize + 1;
        let at = |i: usize| first + step * i as f64;
        let values: Vec<f64> = (0..count).map(|i| f(at(i))).collect();
        let roughness = |w: &[f64]| (w[0] - 4.0 * w[1] + 6.0 * w[2] - 4.0 * w[3] + w[4]).abs();
        let windows = values.windows(WINDOW + 1).map(roughness).enumerate();
        let (start, most) = windows.fold((0, -1.0), |a, b| if b.1 > a.1 { b } else { a });
        let rounding = values.iter().fold(0.0f64, |most, v| most.max(v.abs())) * f64::EPSILON;
        if most <= 32.0 * rounding.max(2.0 * noise) {
            return (middle, 0.5 * (right - left));
        }
        (left, right) = (at(start), at(start + WINDOW));
    }
}

/// The largest power of two up to `x`.
fn power_of_two(x: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    f64::from_bits(x.to_bits() & EXPONENT)
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

    #[test]
    fn rounding_noise_is_no_kink() {
        let tanh = |x: f64| f64::from(libm::tanhf(x as f32));
        let relu = |x: f64| f64::from((x as f32).max(0.0));
        let buzz = |x: f64| (libm::tanh(x) + 1e7) - 1e7;
        assert_eq!(features(&tanh).unwrap().scale, 1.0);
        assert!(kinks(tanh).is_empty() && kinks(buzz).is_empty());
        let found = kinks(relu);
        assert!(found.len() == 1 && found[0].abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn fast_waves_and_narrow_bends_are_smooth() {
        for f in [
            |x: f64| libm::sin(1000.0 * x),
            |x: f64| libm::tanh(1000.0 * x),
            |x: f64| (x * x + 1e-6).sqrt(),
            |x: f64| x * libm::tanh(libm::log(1.0 + libm::exp(x))),
        ] {
            assert_eq!(kinks(f), [0.0; 0]);
        }
        assert_eq!(kinks(|x| x.abs() * libm::sin(50.0 * x)).len(), 1);
    }

    #[test]
    fn roughness_far_out_is_left_to_the_quadrature() {
        assert!(kinks(|x| (4.0 * x).round()).len() >= 160);
        assert!(features(&|x: f64| libm::sin(x * x * x)).is_ok());
    }
}
