//! The values, derivatives and kinks of the well-known activations.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::catalogue::Activation;
use crate::gaussian;

/// The constants of Klambauer et al. (2017), for which (0, 1) is SELU's stable fixed point.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// `√(2/π)`.
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// The cubic term of the tanh form of GELU.
const GELU_CUBIC: f64 = 0.044715;
const QUICK_GELU_RATE: f64 = 1.702;

impl Activation {
    /// `f(x)`.
    pub fn value(&self, x: f64) -> f64 {
        match *self {
            Activation::Linear => x,
            Activation::Relu => x.max(0.0),
            Activation::LeakyRelu { slope } | Activation::Prelu { slope } => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Relu2 => x.max(0.0) * x.max(0.0),
            Activation::Elu { alpha } => elu(x, alpha, 1.0),
            Activation::Selu => SELU_SCALE * elu(x, SELU_ALPHA, 1.0),
            Activation::Celu { alpha } => elu(x, alpha, 1.0 / alpha),
            Activation::Gelu => x * gaussian::cdf(x),
            Activation::GeluTanh => x * sigmoid(gelu_logit(x)),
            Activation::QuickGelu => x * sigmoid(QUICK_GELU_RATE * x),
            Activation::Silu => x * sigmoid(x),
            Activation::Mish => x * libm::tanh(softplus(x)),
            Activation::Softplus => softplus(x),
            Activation::Softsign => x / (1.0 + x.abs()),
            Activation::Tanh => libm::tanh(x),
            Activation::Hardtanh => x.clamp(-1.0, 1.0),
            Activation::Sigmoid => sigmoid(x),
            Activation::Hardsigmoid => hardsigmoid(x),
            Activation::Hardswish => x * hardsigmoid(x),
            Activation::Logsigmoid => -softplus(-x),
            Activation::Tanhshrink => x - libm::tanh(x),
            Activation::Softshrink { lambda } => (x.abs() - lambda).max(0.0).copysign(x),
            Activation::Hardshrink { lambda } => {
                if x.abs() > lambda {
                    x
                } else {
                    0.0
                }
            }
            Activation::Erf => libm::erf(x),
            Activation::Sin => libm::sin(x),
            Activation::Cos => libm::cos(x),
            Activation::Arctan => libm::atan(x),
            Activation::Gaussian => libm::exp(-x * x),
            Activation::Abs => x.abs(),
            Activation::Exp => libm::exp(x),
            Activation::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Activation::Step => indicator(x > 0.0),
        }
    }

    /// `f'(x)`, as a framework's backward pass has it: one of the one-sided values at a kink,
    /// and nothing for a jump.
    pub fn derivative(&self, x: f64) -> f64 {
        match *self {
            Activation::Linear => 1.0,
            Activation::Relu => indicator(x > 0.0),
            Activation::LeakyRelu { slope } | Activation::Prelu { slope } => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Activation::Relu6 => indicator(x > 0.0 && x < 6.0),
            Activation::Relu2 => 2.0 * x.max(0.0),
            Activation::Elu { alpha } => elu_slope(x, alpha, 1.0),
            Activation::Selu => SELU_SCALE * elu_slope(x, SELU_ALPHA, 1.0),
            Activation::Celu { alpha } => elu_slope(x, alpha, 1.0 / alpha),
            Activation::Gelu => x.mul_add(gaussian::pdf(x), gaussian::cdf(x)),
            Activation::GeluTanh => {
                let rate = 2.0 * SQRT_2_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * x * x);
                gated_slope(x, gelu_logit(x), rate)
            }
            Activation::QuickGelu => gated_slope(x, QUICK_GELU_RATE * x, QUICK_GELU_RATE),
            Activation::Silu => gated_slope(x, x, 1.0),
            Activation::Mish => {
                let t = libm::tanh(softplus(x));
                t + x * (1.0 - t * t) * sigmoid(x)
            }
            Activation::Softplus => sigmoid(x),
            Activation::Softsign => 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs())),
            Activation::Tanh => sech2(x),
            Activation::Hardtanh => indicator(x.abs() < 1.0),
            Activation::Sigmoid => sigmoid(x) * sigmoid(-x),
            Activation::Hardsigmoid => indicator(x.abs() < 3.0) / 6.0,
            Activation::Hardswish => {
                if x.abs() < 3.0 {
                    x / 3.0 + 0.5
                } else {
                    indicator(x > 0.0)
                }
            }
            Activation::Logsigmoid => sigmoid(-x),
            Activation::Tanhshrink => libm::tanh(x) * libm::tanh(x),
            Activation::Softshrink { lambda } | Activation::Hardshrink { lambda } => {
                indicator(x.abs() > lambda)
            }
            Activation::Erf => FRAC_2_SQRT_PI * libm::exp(-x * x),
            Activation::Sin => libm::cos(x),
            Activation::Cos => -libm::sin(x),
            Activation::Arctan => 1.0 / (1.0 + x * x),
            Activation::Gaussian => -2.0 * x * libm::exp(-x * x),
            Activation::Abs => x.signum(),
            Activation::Exp => libm::exp(x),
            Activation::Sign | Activation::Step => 0.0,
        }
    }

    /// The points where the function or one of its derivatives jumps, in ascending order.
    pub fn kinks(&self) -> Vec<f64> {
        match *self {
            Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::Prelu { .. }
            | Activation::Relu2
            | Activation::Elu { .. }
            | Activation::Selu
            | Activation::Celu { .. }
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sign
            | Activation::Step => vec![0.0],
            Activation::Relu6 => vec![0.0, 6.0],
            Activation::Hardtanh => vec![-1.0, 1.0],
            Activation::Hardsigmoid | Activation::Hardswish => vec![-3.0, 3.0],
            Activation::Softshrink { lambda } | Activation::Hardshrink { lambda } => {
                vec![-lambda, lambda]
            }
            _ => Vec::new(),
        }
    }
}

fn indicator(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

fn sigmoid(x: f64) -> f64 {
    // exp of a negative argument only: no overflow, full accuracy in both tails.
    let e = libm::exp(-x.abs());
    if x < 0.0 {
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + e)
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

fn hardsigmoid(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

/// `1 - tanh²`, without the cancellation.
fn sech2(x: f64) -> f64 {
    4.0 * sigmoid(2.0 * x) * sigmoid(-2.0 * x)
}

fn elu(x: f64, alpha: f64, rate: f64) -> f64 {
    if x > 0.0 {
        x
    } else {
        alpha * libm::expm1(rate * x)
    }
}

fn elu_slope(x: f64, alpha: f64, rate: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else {
        alpha * rate * libm::exp(rate * x)
    }
}

/// The argument that the tanh form of GELU gives to the sigmoid: `(1 + tanh u)/2 = sigmoid(2u)`.
fn gelu_logit(x: f64) -> f64 {
    2.0 * SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)
}

/// The derivative of `x · sigmoid(logit(x))`, `rate` being the derivative of the logit.
fn gated_slope(x: f64, logit: f64, rate: f64) -> f64 {
    let tail = sigmoid(-logit);
    // At the far ends the rate may be huge where the tail has already gone to 0.
    let bend = if tail == 0.0 { 0.0 } else { x * rate * tail };
    sigmoid(logit) * (1.0 + bend)
}

impl Activation {
    /// The distance from the origin beyond which the activation has no detail between its kinks to
    /// the last bit; infinite where it has, or is not known to have none.
    pub(super) fn reach(self) -> f64 {
        match self {
            // Polynomials between kinks.
            Activation::Linear
            | Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::Prelu { .. }
            | Activation::Relu6
            | Activation::Relu2
            | Activation::Abs
            | Activation::Hardtanh
            | Activation::Hardsigmoid
            | Activation::Hardswish
            // The rest of their bend at 40 is e⁻⁴⁰ = 4e-18.
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::Silu
            | Activation::Mish
            | Activation::Tanh
            | Activation::Sigmoid
            | Activation::Softplus
            | Activation::Selu => 40.0,
            _ => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// Away from kinks, in the bulk and the tails.
    const POINTS: [f64; 12] = [
        -30.1, -7.3, -4.2, -2.2, -0.7, -0.1, 0.2, 0.8, 2.3, 3.7, 8.9, 31.3,
    ];

    #[test]
    fn derivatives_are_those_of_the_values() {
        for activation in Activation::all() {
            for x in POINTS {
                let h = 1.0 / 1024.0;
                let f = |k: f64| activation.value(x + k * h);
                let difference = (8.0 * (f(1.0) - f(-1.0)) - (f(2.0) - f(-2.0))) / (12.0 * h);
                let derivative = activation.derivative(x);
                let error = (derivative - difference).abs();
                let size = derivative.abs().max(1.0);
                assert!(
                    error < 2e-10 * size,
                    "{activation}'({x}): {derivative} {difference}"
                );
            }
        }
    }

    #[test]
    fn values_match_their_definitions() {
        use Activation::*;
        for (activation, x, want) in [
            (LeakyRelu { slope: 0.2 }, -2.0, -0.4),
            (Relu6, 7.0, 6.0),
            (Relu2, 3.0, 9.0),
            (Selu, -1.0, -1.1113307378125625),
            (Celu { alpha: 2.0 }, -2.0, -1.2642411176571153),
            (Gelu, 1.0, 0.8413447460685429),
            (GeluTanh, 1.0, 0.8411919906082768),
            (QuickGelu, 1.0, 0.8457957659328212),
            (Silu, 1.0, 0.7310585786300049),
            (Mish, 1.0, 0.8650983882673103),
            (Softplus, -40.0, 4.248354255291589e-18),
            (Softsign, -3.0, -0.75),
            (Hardsigmoid, 1.5, 0.75),
            (Hardswish, 1.5, 1.125),
            (Logsigmoid, -1000.0, -1000.0),
            (Softshrink { lambda: 0.5 }, -2.0, -1.5),
            (Hardshrink { lambda: 0.5 }, 0.4, 0.0),
            (Sign, 0.0, 0.0),
            (Step, 0.0, 0.0),
        ] {
            let got = activation.value(x);
            let close = (got - want).abs() <= 4e-16 * want.abs();
            assert!(close, "{activation}({x}) = {got}, not {want}");
        }
    }

    #[test]
    fn values_and_derivatives_stay_numbers_far_out() {
        for activation in Activation::all().filter(|a| *a != Activation::Exp) {
            for x in [-1e30, -1e4, -0.0, 0.0, 1e4, 1e30] {
                assert!(activation.value(x).is_finite(), "{activation}({x})");
                assert!(activation.derivative(x).is_finite(), "{activation}'({x})");
            }
        }
    }
}
