//! The well-known activation functions, their names and parameters.

use serde::{Deserialize, Serialize};

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
        /// The slope below 0; 0.01 by default, as in PyTorch and JAX.
        slope: f64,
    },
    /// Leaky ReLU with a learned slope (He et al. 2015, section 2.1), as it is at the start.
    Prelu {
        /// The first slope below 0; 0.25 by default.
        slope: f64,
    },
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `max(x, 0)²`, "squared ReLU".
    Relu2,
    /// `x` above 0, `α(eˣ - 1)` below.
    Elu {
        /// The depth of the plateau; 1 by default.
        alpha: f64,
    },
    /// The self-normalizing ELU of Klambauer et al. (2017).
    Selu,
    /// `x` above 0, `α(e^(x/α) - 1)` below: an ELU with a continuous derivative.
    Celu {
        /// The depth of the plateau; 1 by default.
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
        /// Half the width of the dead zone; 0.5 by default.
        lambda: f64,
    },
    /// `x` outside `[-lambda, lambda]`, 0 within.
    Hardshrink {
        /// Half the width of the dead zone; 0.5 by default.
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

/// Every activation with its default parameter, and its other names in lower case and without
/// separators.
pub(super) const CATALOGUE: [(Activation, &[&str]); 34] = [
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

    /// The same activation with a different parameter; `None` where there is none to set or the
    /// value makes no sense for it.
    pub(super) fn with_parameter(self, value: f64) -> Option<Activation> {
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
}
