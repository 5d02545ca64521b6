//! The well-known activation functions: names, values, derivatives and kinks.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::gaussian;

/// The constants of Klambauer et al. (2017), for which (0, 1) is SELU's stable fixed point.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// `√(2/π)`.
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// The cubic term of the tanh form of GELU.
const GELU_CUBIC: f64 = 0.044715;
const QUICK_GELU_RATE: f64 = 1.702;

/// A well-known activation function.
///
/// Its text form, also in JSON and TOML, is the name, with the parameter where there is one:
/// `gelu`, `leaky_relu(0.2)`. Parsing accepts the names of PyTorch, Keras, JAX, Hugging Face and
/// ONNX in any case, with or without underscores or a module path (`torch.nn.LeakyReLU`).
///
/// ```
/// use semilla::activation::Activation;
///
/// let activation: Activation = "nn.LeakyReLU(0.2)".parse()?;
/// assert_eq!(activation, Activation::LeakyRelu { slope: 0.2 });
/// assert_eq!(activation.to_string(), "leaky_relu(0.2)");
/// # Ok::<(), semilla::activation::ParseActivationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Activation {
    /// `x`.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `slope · x` below.
    LeakyRelu {
        /// The slope below 0; 0.01 unless told, as in PyTorch and JAX.
        slope: f64,
    },
    /// Leaky ReLU with a learned slope (He et al. 2015, section 2.1), as it is at the start.
    Prelu {
        /// The first slope below 0; 0.25 unless told.
        slope: f64,
    },
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `max(x, 0)²`, "squared ReLU".
    Relu2,
    /// `x` above 0, `α(eˣ - 1)` below.
    Elu {
        /// The depth of the plateau; 1 unless told.
        alpha: f64,
    },
    /// The self-normalizing ELU of Klambauer et al. (2017).
    Selu,
    /// `x` above 0, `α(e^(x/α) - 1)` below: an ELU with a continuous derivative.
    Celu {
        /// The depth of the plateau; 1 unless told.
        alpha: f64,
    },
    /// `x Φ(x)`, exact.
    Gelu,
    /// GELU with Φ approximated by a tanh.
    GeluTanh,
    /// GELU with Φ approximated by `sigmoid(1.702 x)`.
    QuickGelu,
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `x · tanh(softplus(x))`.
    Mish,
    /// `ln(1 + eˣ)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// The hyperbolic tangent.
    Tanh,
    /// `x` clamped to [-1, 1].
    Hardtanh,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// `x/6 + 1/2` clamped to [0, 1], as in PyTorch, JAX and Keras 3.
    Hardsigmoid,
    /// `x · hardsigmoid(x)`.
    Hardswish,
    /// `-softplus(-x)`.
    Logsigmoid,
    /// `x - tanh(x)`.
    Tanhshrink,
    /// `x` moved towards 0 by `lambda`, and 0 within.
    Softshrink {
        /// Half the width of the dead zone; 0.5 unless told.
        lambda: f64,
    },
    /// `x` outside `[-lambda, lambda]`, 0 within.
    Hardshrink {
        /// Half the width of the dead zone; 0.5 unless told.
        lambda: f64,
    },
    /// The error function.
    Erf,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// The inverse tangent.
    Arctan,
    /// `e^(-x²)`.
    Gaussian,
    /// `|x|`.
    Abs,
    /// `eˣ`.
    Exp,
    /// -1, 0 or 1. Its derivative is 0: no gradient passes.
    Sign,
    /// 1 above 0, else 0. Its derivative is 0: no gradient passes.
    Step,
}

/// Every activation with its default parameter, and the other names it goes by, in the
/// normalized spelling of [`normalize`].
const CATALOGUE: [(Activation, &[&str]); 34] = [
    (Activation::Linear, &["identity", "none"]),
    (Activation::Relu, &[]),
    (Activation::LeakyRelu { slope: 0.01 }, &[]),
    (Activation::Prelu { slope: 0.25 }, &[]),
    (Activation::Relu6, &[]),
    (Activation::Relu2, &["squaredrelu", "relusquared"]),
    (Activation::Elu { alpha: 1.0 }, &[]),
    (Activation::Selu, &[]),
    (Activation::Celu { alpha: 1.0 }, &[]),
    (Activation::Gelu, &["gelupython"]),
    (
        Activation::GeluTanh,
        &["geluapproximate", "gelunew", "gelufast", "gelupytorchtanh"],
    ),
    (Activation::QuickGelu, &["geluquick"]),
    (Activation::Silu, &["swish"]),
    (Activation::Mish, &[]),
    (Activation::Softplus, &[]),
    (Activation::Softsign, &[]),
    (Activation::Tanh, &[]),
    (Activation::Hardtanh, &[]),
    (Activation::Sigmoid, &["logistic"]),
    (Activation::Hardsigmoid, &[]),
    (Activation::Hardswish, &["hardsilu"]),
    (Activation::Logsigmoid, &[]),
    (Activation::Tanhshrink, &[]),
    (Activation::Softshrink { lambda: 0.5 }, &[]),
    (Activation::Hardshrink { lambda: 0.5 }, &[]),
    (Activation::Erf, &[]),
    (Activation::Sin, &["sine", "siren"]),
    (Activation::Cos, &["cosine"]),
    (Activation::Arctan, &["atan"]),
    (Activation::Gaussian, &[]),
    (Activation::Abs, &["absolute"]),
    (Activation::Exp, &["exponential"]),
    (Activation::Sign, &[]),
    (Activation::Step, &["heaviside"]),
];

impl Activation {
    /// The canonical name of every activation.
    pub const NAMES: [&'static str; CATALOGUE.len()] = {
        let mut names = [""; CATALOGUE.len()];
        let mut i = 0;
        while i < names.len() {
            names[i] = CATALOGUE[i].0.name();
            i += 1;
        }
        names
    };

    /// Every activation, parameters at their defaults.
    pub fn all() -> impl Iterator<Item = Activation> {
        CATALOGUE.iter().map(|&(activation, _)| activation)
    }

    /// The canonical name, without the parameter.
    pub const fn name(&self) -> &'static str {
        match self {
            Activation::Linear => "linear",
            Activation::Relu => "relu",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Prelu { .. } => "prelu",
            Activation::Relu6 => "relu6",
            Activation::Relu2 => "relu2",
            Activation::Elu { .. } => "elu",
            Activation::Selu => "selu",
            Activation::Celu { .. } => "celu",
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_tanh",
            Activation::QuickGelu => "quick_gelu",
            Activation::Silu => "silu",
            Activation::Mish => "mish",
            Activation::Softplus => "softplus",
            Activation::Softsign => "softsign",
            Activation::Tanh => "tanh",
            Activation::Hardtanh => "hardtanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Hardsigmoid => "hardsigmoid",
            Activation::Hardswish => "hardswish",
            Activation::Logsigmoid => "logsigmoid",
            Activation::Tanhshrink => "tanhshrink",
            Activation::Softshrink { .. } => "softshrink",
            Activation::Hardshrink { .. } => "hardshrink",
            Activation::Erf => "erf",
            Activation::Sin => "sin",
            Activation::Cos => "cos",
            Activation::Arctan => "arctan",
            Activation::Gaussian => "gaussian",
            Activation::Abs => "abs",
            Activation::Exp => "exp",
            Activation::Sign => "sign",
            Activation::Step => "step",
        }
    }

    /// The parameter, for the activations that have one.
    pub const fn parameter(&self) -> Option<f64> {
        match *self {
            Activation::LeakyRelu { slope } | Activation::Prelu { slope } => Some(slope),
            Activation::Elu { alpha } | Activation::Celu { alpha } => Some(alpha),
            Activation::Softshrink { lambda } | Activation::Hardshrink { lambda } => Some(lambda),
            _ => None,
        }
    }

    /// The same activation with another parameter; `None` where there is none to set or the
    /// value makes no sense for it.
    fn with_parameter(self, value: f64) -> Option<Activation> {
        let positive = value > 0.0;
        match self {
            _ if !value.is_finite() => None,
            Activation::LeakyRelu { .. } => Some(Activation::LeakyRelu { slope: value }),
            Activation::Prelu { .. } => Some(Activation::Prelu { slope: value }),
            Activation::Elu { .. } => Some(Activation::Elu { alpha: value }),
            Activation::Celu { .. } if positive => Some(Activation::Celu { alpha: value }),
            Activation::Softshrink { .. } if value >= 0.0 => {
                Some(Activation::Softshrink { lambda: value })
            }
            Activation::Hardshrink { .. } if value >= 0.0 => {
                Some(Activation::Hardshrink { lambda: value })
            }
            _ => None,
        }
    }

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

/// What the tanh form of GELU gives to the sigmoid: `(1 + tanh u)/2 = sigmoid(2u)`.
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

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter() {
            None => f.pad(self.name()),
            Some(value) => f.pad(&format!("{}({value})", self.name())),
        }
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> String {
        activation.to_string()
    }
}

impl TryFrom<String> for Activation {
    type Error = ParseActivationError;

    fn try_from(text: String) -> Result<Self, ParseActivationError> {
        text.parse()
    }
}

/// The text is not an activation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseActivationError {
    /// No activation has this name; [`Activation::NAMES`] are the ones there are.
    #[error("unknown activation {0:?}; use one of {names}", names = Activation::NAMES.join(", "))]
    Unknown(String),
    /// The parentheses do not close, or hold no number.
    #[error("cannot read the parameter of activation {0:?}; write it as in leaky_relu(0.2)")]
    Malformed(String),
    /// The activation takes no parameter, or not this value.
    #[error("activation {name} cannot take the parameter {value}; {hint}")]
    Parameter {
        /// The activation's canonical name.
        name: &'static str,
        /// The parameter as written.
        value: String,
        /// What it does take.
        hint: &'static str,
    },
}

/// Lower case, no separators, no module path: `torch.nn.LeakyReLU` is `leakyrelu`.
fn normalize(name: &str) -> String {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let letters = last.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

fn split_parameter(text: &str) -> Result<(&str, Option<f64>), ParseActivationError> {
    let Some((name, rest)) = text.split_once('(') else {
        return Ok((text, None));
    };
    let inside = rest.trim_end().strip_suffix(')').map(str::trim);
    match inside {
        Some("") => Ok((name, None)),
        Some(number) => match number.parse() {
            Ok(value) => Ok((name, Some(value))),
            Err(_) => Err(ParseActivationError::Malformed(text.to_owned())),
        },
        None => Err(ParseActivationError::Malformed(text.to_owned())),
    }
}

impl FromStr for Activation {
    type Err = ParseActivationError;

    fn from_str(text: &str) -> Result<Self, ParseActivationError> {
        let (name, parameter) = split_parameter(text)?;
        let wanted = normalize(name);
        let known = |&&(activation, aliases): &&(Activation, &[&str])| {
            normalize(activation.name()) == wanted || aliases.contains(&wanted.as_str())
        };
        let Some(&(activation, _)) = CATALOGUE.iter().find(known) else {
            return Err(ParseActivationError::Unknown(name.trim().to_owned()));
        };
        let Some(value) = parameter else {
            return Ok(activation);
        };
        activation
            .with_parameter(value)
            .ok_or(ParseActivationError::Parameter {
                name: activation.name(),
                value: value.to_string(),
                hint: activation.parameter_hint(),
            })
    }
}

impl Activation {
    fn parameter_hint(&self) -> &'static str {
        match self {
            Activation::Celu { .. } => "alpha must be finite and above 0",
            Activation::Softshrink { .. } | Activation::Hardshrink { .. } => {
                "lambda must be finite and not negative"
            }
            _ if self.parameter().is_some() => "it must be finite",
            _ => "it takes none",
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

    #[test]
    fn text_and_json_come_back() {
        for activation in Activation::all().chain([
            Activation::LeakyRelu { slope: 0.1 + 0.2 },
            Activation::Prelu { slope: -1e-300 },
        ]) {
            assert_eq!(activation.to_string().parse(), Ok(activation));
            let json = serde_json::to_string(&activation).unwrap();
            assert_eq!(json, format!("\"{activation}\""));
            assert_eq!(
                serde_json::from_str::<Activation>(&json).unwrap(),
                activation
            );
        }
        for name in Activation::NAMES {
            assert_eq!(name.parse::<Activation>().unwrap().name(), name);
        }
    }

    #[test]
    fn names_of_other_libraries_are_understood() {
        for (text, want) in [
            ("swish", Activation::Silu),
            ("SiLU", Activation::Silu),
            ("torch.nn.LeakyReLU", Activation::LeakyRelu { slope: 0.01 }),
            ("leaky_relu( 0.3 )", Activation::LeakyRelu { slope: 0.3 }),
            ("nn.ELU(2)", Activation::Elu { alpha: 2.0 }),
            ("ReLU()", Activation::Relu),
            ("jax.nn.hard_tanh", Activation::Hardtanh),
            ("hard_silu", Activation::Hardswish),
            ("log_sigmoid", Activation::Logsigmoid),
            ("gelu_new", Activation::GeluTanh),
            ("gelu_pytorch_tanh", Activation::GeluTanh),
            ("squared_relu", Activation::Relu2),
            ("soft_sign", Activation::Softsign),
            ("Atan", Activation::Arctan),
            (" identity ", Activation::Linear),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
    }

    #[test]
    fn aliases_are_normalized_and_belong_to_one_activation() {
        let mut seen = std::collections::HashSet::new();
        for (activation, aliases) in CATALOGUE {
            assert!(seen.insert(normalize(activation.name())), "{activation}");
            for alias in aliases {
                assert_eq!(normalize(alias), *alias);
                assert!(seen.insert((*alias).to_owned()), "{alias}");
            }
        }
    }

    #[test]
    fn mistakes_get_a_sentence() {
        let parse = |text: &str| text.parse::<Activation>().unwrap_err();
        assert_eq!(
            parse("gellu"),
            ParseActivationError::Unknown("gellu".into())
        );
        assert!(parse("").to_string().contains("leaky_relu"));
        for text in [
            "leaky_relu(",
            "leaky_relu(a)",
            "elu(1",
            "elu(1)2",
            "elu((1)",
        ] {
            assert_eq!(parse(text), ParseActivationError::Malformed(text.into()));
        }
        for text in [
            "relu(0.2)",
            "celu(0)",
            "hardshrink(-1)",
            "elu(inf)",
            "leaky_relu(NaN)",
        ] {
            assert!(
                matches!(parse(text), ParseActivationError::Parameter { .. }),
                "{text}"
            );
        }
        assert!(serde_json::from_str::<Activation>("\"nope\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<Activation>();
        }
    }
}
