//! Gains that keep a variance, and what comes of any gain in a deep network.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{ExpectationError, check};
use super::fixed_point::Limit;
use super::function::Function;
use super::mean_field::MeanField;

/// A gain, and what comes of it in a deep network without biases whose inputs have variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The gain: weights have the standard deviation `gain / √fan`.
    pub value: f64,
    /// `χ₁` at unit variance: the factor on squared gradients per layer.
    pub chi1: f64,
    /// Where the pre-activation variance goes from 1, with `χ₁`, `V'` and stability there.
    ///
    /// `None` where an expectation on the way cannot be given, as with [`Activation::Exp`] beyond
    /// its fixed point; [`MeanField::limit`] says which.
    ///
    /// [`Activation::Exp`]: super::Activation::Exp
    pub limit: Option<Limit>,
}

impl Function<'_> {
    /// The gain that keeps the variance in the forward pass, `1 / √E f²` at unit variance.
    ///
    /// # Errors
    /// The expectation diverges or is 0.
    pub fn forward_gain(&self) -> Result<Gain, ExpectationError> {
        self.gain(inverse_root("E f²", self.moments(0.0, 1.0)?.square)?)
    }

    /// The gain that keeps the variance of gradients in the backward pass, `1 / √E f'²` at unit
    /// variance.
    ///
    /// # Errors
    /// The expectation diverges or is 0.
    pub fn backward_gain(&self) -> Result<Gain, ExpectationError> {
        self.gain(inverse_root(
            "E f'²",
            self.moments(0.0, 1.0)?.derivative_square,
        )?)
    }

    /// Any gain, such as [`pytorch_gain`](super::pytorch_gain)'s, with what comes of it.
    ///
    /// # Errors
    /// The gain is negative or not finite, or the moments at unit variance diverge. An unknown
    /// limit does not cause an error.
    pub fn gain(&self, value: f64) -> Result<Gain, ExpectationError> {
        check(
            "gain",
            value,
            value.is_finite() && value >= 0.0,
            "finite and not negative",
        )?;
        let layer = MeanField::new(self, value * value, 0.0)?;
        let chi1 = layer.weight_variance * self.moments(0.0, 1.0)?.derivative_square;
        Ok(Gain {
            value,
            chi1,
            limit: layer.limit(1.0).ok(),
        })
    }
}

fn inverse_root(moment: &'static str, value: f64) -> Result<f64, ExpectationError> {
    if value > 0.0 {
        Ok(1.0 / value.sqrt())
    } else {
        Err(ExpectationError::Vanishes { moment })
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gain {:.6}, χ₁ = {:.4}; ", self.value, self.chi1)?;
        match &self.limit {
            Some(limit) => limit.fmt(f),
            None => f.write_str("where the variance goes is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Activation::{self, *};
    use super::super::fixed_point::Stability;
    use super::super::peers::pytorch_gain;
    use super::super::testing::{assert_prints, fixed, function};
    use super::*;
    /// activation, forward gain, backward gain, χ₁ and V' at the forward gain.
    #[allow(clippy::approx_constant)]
    const GAINS: [(Activation, f64, f64, f64, f64); 15] = [
        (Relu, 1.414214, 1.414214, 1.0, 1.0),
        (LeakyRelu { slope: 0.01 }, 1.414143, 1.414143, 1.0, 1.0),
        (LeakyRelu { slope: 0.2 }, 1.386750, 1.386750, 1.0, 1.0),
        (Tanh, 1.592537, 1.467414, 1.1778, 0.461),
        (Erf, 1.467167, 1.325218, 1.2257, 0.409),
        (Sigmoid, 1.846229, 4.722646, 0.1528, 0.106),
        (Selu, 1.0, 0.966026, 1.0716, 0.783),
        (Gelu, 1.533530, 1.481114, 1.0720, 1.144),
        (Silu, 1.676532, 1.623320, 1.0666, 1.173),
        (Softplus, 1.041867, 1.846229, 0.3185, 0.492),
        (Softsign, 2.337533, 2.095781, 1.2440, 0.477),
        (Hardtanh, 1.392036, 1.210287, 1.3229, 0.385),
        (Sin, 1.520867, 1.327251, 1.3130, 0.313),
        (Arctan, 1.491208, 1.414214, 1.1119, 0.561),
        (Relu2, 0.816497, 0.707107, 1.3333, 2.0),
    ];

    #[test]
    fn tabulated_gains() {
        for (activation, forward, backward, chi1, slope) in GAINS {
            let f = function(activation);
            let gain = f.forward_gain().unwrap();
            assert_prints(gain.value, forward, 1e-6, activation);
            assert_prints(gain.chi1, chi1, 1e-4, activation);
            let point = fixed(gain.limit.unwrap());
            assert_eq!((point.q, point.chi1), (1.0, gain.chi1), "{activation}");
            assert_prints(point.slope, slope, 1e-3, activation);
            let backward_gain = f.backward_gain().unwrap();
            assert_prints(backward_gain.value, backward, 1e-6, activation);
            assert_prints(backward_gain.chi1, 1.0, 1e-14, activation);
        }
    }

    #[test]
    fn stability_at_the_forward_gain() {
        let stability = |a| fixed(function(a).forward_gain().unwrap().limit.unwrap()).stability();
        for activation in [Linear, Relu, LeakyRelu { slope: 0.2 }, Abs] {
            assert_eq!(stability(activation), Stability::Neutral, "{activation}");
        }
        for activation in [Tanh, Erf, Selu, Sigmoid, Softplus, Sin] {
            assert_eq!(stability(activation), Stability::Stable, "{activation}");
        }
        for activation in [Gelu, Silu, Mish, Hardswish, GeluTanh, Relu2] {
            assert_eq!(stability(activation), Stability::Unstable, "{activation}");
        }
    }

    #[test]
    fn closures_have_the_gains_of_the_built_in_activations() {
        for (activation, ..) in GAINS {
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            let (got, want) = (closure.forward_gain(), function(activation).forward_gain());
            let (got, want) = (got.unwrap(), want.unwrap());
            assert_prints(got.value, want.value, 1e-13, activation);
            assert_prints(got.chi1, want.chi1, 1e-11, activation);
            assert_prints(
                fixed(got.limit.unwrap()).slope,
                fixed(want.limit.unwrap()).slope,
                1e-12,
                activation,
            );
        }
    }

    #[test]
    fn pytorch_gain_of_tanh_makes_gradients_explode() {
        let gain = function(Tanh)
            .gain(pytorch_gain("tanh", None).unwrap())
            .unwrap();
        let point = fixed(gain.limit.unwrap());
        assert_prints(point.q, 1.1785, 1e-4, gain);
        assert_prints(point.chi1, 1.2098, 1e-4, gain);
        assert_prints(point.chi1.powi(50) / 1e4, 1.4, 0.1, gain);
        assert_eq!(point.stability(), Stability::Stable);
    }

    #[test]
    fn pytorch_gain_of_selu_is_nearly_critical() {
        let gain = function(Selu).gain(0.75).unwrap();
        let point = fixed(gain.limit.unwrap());
        assert_prints(point.q, 0.02303, 1e-5, gain);
        assert_prints(point.chi1, 1.0037, 1e-4, gain);
        let square = function(Selu).moments(0.0, point.q).unwrap().square;
        assert_prints(square.sqrt(), 0.2024, 1e-4, gain);
    }

    /// Sitzmann et al. (2020) aim at unit pre-activations: `σ_w² = 2`; the fixed point is lower.
    #[test]
    fn siren_settles_below_its_published_variance() {
        let gain = function(Sin).gain(2f64.sqrt()).unwrap();
        let point = fixed(gain.limit.unwrap());
        assert_prints(point.q, 0.79681, 1e-5, gain);
        assert_prints(point.chi1, 1.2032, 1e-4, gain);
    }

    #[test]
    fn a_gain_reads_as_a_sentence() {
        let text = function(Silu).forward_gain().unwrap().to_string();
        let want = "gain 1.676532, χ₁ = 1.0666; unstable q* = 1.000000 (χ₁ = 1.0666, V' = 1.173)";
        assert_eq!(text, want);
    }

    #[test]
    fn a_gain_comes_back_from_json() {
        for gain in [
            function(Relu).gain(1.0),
            function(Silu).forward_gain(),
            function(Exp).gain(1.0),
        ] {
            let gain = gain.unwrap();
            let json = serde_json::to_string(&gain).unwrap();
            assert_eq!(serde_json::from_str::<Gain>(&json).unwrap(), gain, "{json}");
        }
    }

    #[test]
    fn a_gain_whose_limit_is_unknown_is_given() {
        // V(q) = e^(2q) runs away until its expectation cannot be given.
        let gain = function(Exp).gain(1.0).unwrap();
        assert_eq!(gain.limit, None);
        assert_prints(gain.chi1, libm::exp(2.0), 1e-12, gain);
        assert!(gain.to_string().ends_with("is not known"), "{gain}");
    }
}
