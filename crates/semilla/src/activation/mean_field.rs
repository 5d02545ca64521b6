//! Mean-field theory of deep networks of random weights: how the variance of pre-activations goes
//! from layer to layer in the limit of infinite width.
//!
//! B. Poole et al., "Exponential expressivity in deep neural networks through transient chaos"
//! (2016), section 2; S. S. Schoenholz et al., "Deep Information Propagation" (2017), sections 2
//! to 4; S. Hayou et al., "On the Impact of the Activation Function on Deep Neural Networks
//! Training" (2019), section 2.

use super::error::{ExpectationError, check};
use super::fixed_point::{FixedPoint, Limit};
use super::function::Function;
use super::root::root;

/// Fixed points of the length map are looked for between these pre-activation variances.
pub(super) const LENGTHS: (f64, f64) = (1e-9, 1e6);
/// The scan steps by this factor, finer than two fixed points of an activation lie apart.
pub(super) const SCAN: f64 = std::f64::consts::SQRT_2;
/// A map that moves a length by less than this part does not move it.
pub(super) const STILL: f64 = 1e-12;

/// A layer of a wide random network, `h = W f(x) + b` with `W ~ (0, σ_w²/fan_in)` and
/// `b ~ (0, σ_b²)`.
#[derive(Clone, Copy, Debug)]
pub struct MeanField<'f> {
    pub(super) function: &'f Function<'f>,
    pub(super) weight_variance: f64,
    pub(super) bias_variance: f64,
}

impl<'f> MeanField<'f> {
    /// A layer with weight variance `σ_w²` (a squared gain) and bias variance `σ_b²`.
    ///
    /// # Errors
    /// A variance is negative or not finite.
    pub fn new(
        function: &'f Function<'f>,
        weight_variance: f64,
        bias_variance: f64,
    ) -> Result<Self, ExpectationError> {
        for (what, value) in [
            ("weight variance", weight_variance),
            ("bias variance", bias_variance),
        ] {
            check(
                what,
                value,
                value.is_finite() && value >= 0.0,
                "finite and not negative",
            )?;
        }
        Ok(MeanField {
            function,
            weight_variance,
            bias_variance,
        })
    }

    /// The length map `V(q) = σ_w² E f(√q z)² + σ_b²`: the pre-activation variance one layer on.
    ///
    /// # Errors
    /// The expectation diverges, or `q` is not a variance.
    pub fn length(&self, q: f64) -> Result<f64, ExpectationError> {
        let (square, _) = self.function.square_and_slope(q)?;
        Ok(self.weight_variance.mul_add(square, self.bias_variance))
    }

    /// `χ₁`, `V'` at the variance `q`, which is taken for a fixed point.
    pub(super) fn point(&self, q: f64) -> Result<FixedPoint, ExpectationError> {
        let (_, slope) = self.function.square_and_slope(q)?;
        let derivative_square = self.function.moments(0.0, q)?.derivative_square;
        Ok(FixedPoint {
            q,
            chi1: self.weight_variance * derivative_square,
            slope: self.weight_variance * slope,
        })
    }

    /// Where the variance goes from `q`: to the first fixed point in the direction in which the
    /// length map moves it.
    ///
    /// # Errors
    /// `q` is not above 0, or an expectation on the way diverges.
    pub fn limit(&self, q: f64) -> Result<Limit, ExpectationError> {
        check(
            "variance",
            q,
            q.is_finite() && q > 0.0,
            "finite and above 0",
        )?;
        let growth = |q: f64| Ok(self.length(q)? - q);
        let first = growth(q)?;
        if first.abs() <= STILL * q {
            return Ok(Limit::Fixed(self.point(q)?));
        }
        let grows = first > 0.0;
        let factor = if grows { SCAN } else { 1.0 / SCAN };
        let mut last = q;
        while if grows {
            last < LENGTHS.1
        } else {
            last > LENGTHS.0
        } {
            let next = last * factor;
            if growth(next)? * first <= 0.0 {
                return Ok(Limit::Fixed(self.point(root(growth, last, next)?)?));
            }
            last = next;
        }
        Ok(if grows { Limit::Infinity } else { Limit::Zero })
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Activation::{self, *};
    use super::super::fixed_point::Stability;
    use super::super::gain::Gain;
    use super::super::testing::{assert_prints, fixed, function};
    use super::*;
    fn iterate(activation: Activation, gain: f64, mut q: f64, layers: usize) -> f64 {
        let f = function(activation);
        let layer = MeanField::new(&f, gain * gain, 0.0).unwrap();
        for _ in 0..layers {
            q = layer.length(q).unwrap();
        }
        q
    }

    #[test]
    fn an_unstable_gain_magnifies_one_percent_of_the_variance() {
        for (activation, q, unit) in [
            (Gelu, 17.6, 0.1),
            (Silu, 1364.0, 1.0),
            (Mish, 1.45, 0.01),
            (Hardswish, 1.2e5, 1e4),
        ] {
            let gain = function(activation).forward_gain().unwrap().value;
            assert_prints(iterate(activation, gain, 1.01, 50), q, unit, activation);
        }
    }

    #[test]
    fn he_on_other_activations_vanishes_or_explodes() {
        let he = std::f64::consts::SQRT_2;
        for (activation, layers, q, unit) in [
            (Gelu, 20, 3.2e-5, 1e-6),
            (Gelu, 50, 3e-14, 1e-14),
            (Silu, 20, 3.5e-6, 1e-7),
            (Silu, 50, 3e-15, 1e-15),
            (Hardswish, 20, 2.1e-6, 1e-7),
            (Hardswish, 50, 2e-15, 1e-15),
            (Selu, 50, 2.9e3, 1e2),
            (Elu { alpha: 1.0 }, 50, 34.0, 1.0),
            (Tanh, 50, 0.618, 1e-3),
        ] {
            assert_prints(iterate(activation, he, 1.0, layers), q, unit, activation);
        }
        let tanh = function(Tanh);
        let layer = MeanField::new(&tanh, 2.0, 0.0).unwrap();
        let (mut q, mut gradient) = (1.0, 1.0);
        for _ in 0..50 {
            gradient *= layer.point(q).unwrap().chi1;
            q = layer.length(q).unwrap();
        }
        assert_prints(
            gradient,
            106.0,
            1.0,
            "tanh's squared gradient over 50 layers",
        );
        assert_eq!(function(Gelu).gain(he).unwrap().limit, Some(Limit::Zero));
        assert_eq!(
            function(Selu).gain(he).unwrap().limit,
            Some(Limit::Infinity)
        );
        assert_eq!(
            function(Relu).gain(he * 1.1).unwrap().limit,
            Some(Limit::Infinity)
        );
        assert_eq!(
            function(Relu).gain(he * 0.9).unwrap().limit,
            Some(Limit::Zero)
        );
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let tanh = function(Tanh);
        assert!(MeanField::new(&tanh, -1.0, 0.0).is_err());
        assert!(MeanField::new(&tanh, 1.0, f64::NAN).is_err());
        let layer = MeanField::new(&tanh, 1.0, 0.0).unwrap();
        assert!(layer.limit(0.0).is_err() && layer.limit(f64::INFINITY).is_err());
        assert!(layer.correlation(1.0, 1.1).is_err() && layer.correlation(0.0, 0.5).is_err());
        assert!(layer.correlation_slope(1.0, f64::NAN).is_err());
        assert!(tanh.gain(f64::INFINITY).is_err());
        let tear = MeanField::new(&function(Hardshrink { lambda: 0.5 }), 2.0, 0.1)
            .and_then(|layer| layer.correlation_slope(1.0, 0.5));
        assert!(matches!(tear, Err(ExpectationError::Jump { .. })));
        let vanishes = |r: Result<Gain, _>| matches!(r, Err(ExpectationError::Vanishes { .. }));
        assert!(vanishes(function(Sign).backward_gain()));
        assert!(vanishes(Function::new(|_| 0.0).unwrap().forward_gain()));
        // V(q) = e^(2q) / 2 runs away until its expectation cannot be given.
        let exp = function(Exp);
        assert!(MeanField::new(&exp, 0.5, 0.0).unwrap().limit(1.0).is_err());
        assert_eq!(layer.limit(1.0), Ok(Limit::Zero));
        assert_eq!(layer.limit(1e8), Ok(Limit::Zero));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn limits_of_tanh_are_fixed(
            weight in 0.2..4.0f64,
            bias in 0.01..1.0f64,
            q in 0.01..9.0f64,
        ) {
            let tanh = function(Tanh);
            let layer = MeanField::new(&tanh, weight, bias).unwrap();
            let point = fixed(layer.limit(q).unwrap());
            let moved = (layer.length(point.q).unwrap() - point.q).abs();
            proptest::prop_assert!(moved <= 4e-12 * point.q);
            proptest::prop_assert_eq!(point.stability(), Stability::Stable);
        }
    }
}
