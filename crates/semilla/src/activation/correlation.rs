//! How the angle between two signals goes from layer to layer, and over how many layers a network
//! remembers.

use super::error::{ExpectationError, check};
use super::fixed_point::{FixedPoint, NEUTRAL};
use super::mean_field::{MeanField, STILL};

/// Over how many layers the network remembers, at a fixed point. Infinite at criticality.
///
/// Networks train up to a depth of about six times `correlation` (Schoenholz et al. 2017,
/// section 5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthScales {
    /// `c*`, the correlation that the signals of any two inputs tend to.
    pub limit_correlation: f64,
    /// `ξ_c = -1 / ln C'(c*)`, of the correlation between two inputs.
    pub correlation: f64,
    /// `ξ_q = -1 / ln |V'(q*)|`, of the length.
    pub length: f64,
    /// `ξ_∇ = 1 / |ln χ₁|`, of the gradient.
    pub gradient: f64,
}

impl MeanField<'_> {
    /// The correlation map `C(c) = (σ_w² E f(u) f(v) + σ_b²) / q` for u, v of variance `q`, a
    /// fixed point, and correlation `c`.
    ///
    /// # Errors
    /// `q` is not above 0, or `c` not in [-1, 1].
    pub fn correlation(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        check_pair(q, c)?;
        Ok(self
            .weight_variance
            .mul_add(self.function.product(q, c)?, self.bias_variance)
            / q)
    }

    /// The slope of the correlation map, `C'(c) = σ_w² E f'(u) f'(v)`; at `c = 1` it is `χ₁`.
    ///
    /// # Errors
    /// As [`MeanField::correlation`], and if the function jumps: `C'` is then not an expectation
    /// of slopes, and infinite at 1.
    pub fn correlation_slope(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        check_pair(q, c)?;
        if let Some(at) = self.function.jump() {
            return Err(ExpectationError::Jump { at });
        }
        Ok(self.weight_variance * self.function.slope_product(q, c)?)
    }

    /// The depth scales at a fixed point of this layer.
    ///
    /// # Errors
    /// An expectation diverges, or the function jumps.
    pub fn depth_scales(&self, point: &FixedPoint) -> Result<DepthScales, ExpectationError> {
        let limit_correlation = self.limit_correlation(point)?;
        let slope = self.correlation_slope(point.q, limit_correlation)?;
        Ok(DepthScales {
            limit_correlation,
            correlation: depth_scale(slope),
            length: depth_scale(point.slope),
            gradient: depth_scale(point.chi1),
        })
    }

    /// The stable fixed point of the correlation map. The map is convex on [0, 1], with the fixed
    /// point 1: it has a lower one exactly if `χ₁ > 1`, and Newton's method from 0 climbs to it.
    fn limit_correlation(&self, point: &FixedPoint) -> Result<f64, ExpectationError> {
        if point.chi1 <= 1.0 + NEUTRAL {
            return Ok(1.0);
        }
        let mut c = 0.0;
        for _ in 0..64 {
            let excess = self.correlation(point.q, c)? - c;
            let step = excess / (1.0 - self.correlation_slope(point.q, c)?);
            if step <= STILL || step.is_nan() {
                break;
            }
            c += step;
            if c >= 1.0 {
                return Ok(1.0);
            }
        }
        Ok(c)
    }
}

/// Layers per factor e of a quantity that each layer multiplies by `slope`.
fn depth_scale(slope: f64) -> f64 {
    let log = libm::log(slope.abs()).abs();
    if log <= NEUTRAL {
        f64::INFINITY
    } else {
        1.0 / log
    }
}

fn check_pair(q: f64, c: f64) -> Result<(), ExpectationError> {
    check(
        "variance",
        q,
        q.is_finite() && q > 0.0,
        "finite and above 0",
    )?;
    check(
        "correlation",
        c,
        (-1.0..=1.0).contains(&c),
        "between -1 and 1",
    )
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::catalogue::Activation::*;
    use super::super::function::Function;
    use super::super::testing::{assert_prints, fixed, function};
    use super::*;
    /// `σ_w²`, χ₁, c*, ξ_c and the last digit of ξ_c, for tanh at `σ_b² = 0.05`.
    #[test]
    fn tabulated_depth_scales_of_tanh() {
        let tanh = function(Tanh);
        for (weight, chi1, c, scale, unit) in [
            (1.05, 0.7829, 1.0, 4.08, 1e-2),
            (1.3, 0.8802, 1.0, 7.83, 1e-2),
            (1.5, 0.9386, 1.0, 15.8, 1e-1),
            (1.7, 0.9867, 1.0, 74.9, 1e-1),
            (1.8, 1.0082, 0.950, 125.8, 1e-1),
            (2.0, 1.0477, 0.744, 25.2, 1e-1),
            (2.5, 1.1335, 0.447, 11.8, 1e-1),
            (3.0, 1.2089, 0.299, 9.05, 1e-2),
            (4.0, 1.3424, 0.165, 6.98, 1e-2),
        ] {
            let layer = MeanField::new(&tanh, weight, 0.05).unwrap();
            let point = fixed(layer.limit(1.0).unwrap());
            assert_prints(point.chi1, chi1, 1e-4, weight);
            let scales = layer.depth_scales(&point).unwrap();
            assert_prints(scales.limit_correlation, c, 1e-3, weight);
            assert_prints(scales.correlation, scale, unit, weight);
            assert_prints(scales.gradient, 1.0 / point.chi1.ln().abs(), 1e-9, weight);
            assert_prints(scales.length, -1.0 / point.slope.ln(), 1e-9, weight);
        }
    }

    #[test]
    fn correlation_maps_match_their_closed_forms() {
        let correlations = [
            -1.0,
            -0.9,
            -0.3,
            0.0,
            0.2,
            0.8,
            0.99,
            1.0 - 1e-4,
            1.0 - 1e-8,
            1.0,
        ];
        for q in [0.2, 1.0, 5.0] {
            for c in correlations {
                let angle = libm::acos(c);
                let sine = ((1.0 - c) * (1.0 + c)).sqrt();
                let arc = (sine + (PI - angle) * c) / (2.0 * PI);
                let wide = 1.0 + 2.0 * q;
                let erf = 2.0 / PI * libm::asin(2.0 * q * c / wide);
                let erf_slope = 4.0 / PI / (wide * wide - 4.0 * q * q * c * c).sqrt();
                let damped = libm::exp(-q);
                for (activation, product, slope) in [
                    (Relu, q * arc, (PI - angle) / (2.0 * PI)),
                    (Erf, erf, erf_slope),
                    (Sin, damped * libm::sinh(q * c), damped * libm::cosh(q * c)),
                    (Abs, q * 2.0 / PI * (sine + c * libm::asin(c)), f64::NAN),
                    (Sign, 1.0 - 2.0 * angle / PI, f64::NAN),
                ] {
                    let f = function(activation);
                    let layer = MeanField::new(&f, q, 0.0).unwrap();
                    let what = format!("{activation} q={q} c={c}");
                    assert_prints(layer.correlation(q, c).unwrap(), product, 1e-13, &what);
                    if slope.is_finite() {
                        let got = layer.correlation_slope(q, c).unwrap() / q;
                        assert_prints(got, slope, 1e-12, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn closures_have_correlation_maps_too() {
        for activation in [Tanh, Elu { alpha: 1.0 }, Hardtanh] {
            let known = function(activation);
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            let layer = |f| MeanField::new(f, 1.5, 0.1).unwrap();
            let (known, closure) = (layer(&known), layer(&closure));
            let value = |l: &MeanField| l.correlation(1.0, 0.6).unwrap();
            let slope = |l: &MeanField| l.correlation_slope(1.0, 0.6).unwrap();
            assert_prints(value(&closure), value(&known), 1e-13, activation);
            assert_prints(slope(&closure), slope(&known), 1e-11, activation);
        }
    }
}
