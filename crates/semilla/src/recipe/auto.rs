//! The recipe that decides by role and activation, and says why.

use super::decision::Decision;
use crate::activation::Activation;
use crate::init::{self, Initializer, Mode, Normal, Orthogonal, Shape, VarianceScaling};
use crate::layout::FanRule;
use crate::model::{Model, Role, Tensor};

/// `None` where the role is unknown.
pub(super) fn decide(tensor: &Tensor, model: &Model) -> Option<Decision> {
    let (initializer, reason) = choose(tensor, model)?;
    Some(Decision::new(initializer, FanRule::Exact, reason))
}

fn choose(tensor: &Tensor, model: &Model) -> Option<(Initializer, &'static str)> {
    let unit = |scale: &str| scaled(scale, None);
    Some(match tensor.role {
        Role::Query | Role::Key | Role::Value | Role::Qkv => (
            init::xavier_uniform().into(),
            "no activation follows; each projection with its own fans",
        ),
        Role::AttentionOut | Role::MlpOut if model.layers.is_some() => (
            unit("1 / (2 * layers)"),
            "ends one of 2·layers residual branches: their sum keeps unit variance",
        ),
        Role::AttentionOut | Role::MlpOut => (unit("1"), "ends a residual branch"),
        Role::ResidualOut => (
            he_fan_out(),
            "a normalization follows, whose scale starts at 0",
        ),
        Role::Head => (unit("1"), "logits of unit variance"),
        Role::Router => (small(), "near-equal routing at the start"),
        Role::PatchEmbedding => (
            unit("1"),
            "patches are inputs of unit variance; no activation follows",
        ),
        Role::Embedding => match model.width {
            Some(_) if model.layers.is_some() => (
                small(),
                "as transformers are trained: small rows, tied heads stay sane",
            ),
            _ => (init::normal().into(), "rows of unit variance, as an input"),
        },
        Role::PositionEmbedding | Role::Token => (small(), "small beside the tokens"),
        Role::RecurrentInput => (init::xavier_uniform().into(), "each gate with its own fans"),
        Role::RecurrentHidden => (
            Orthogonal::default().into(),
            "each gate keeps the norm of the state through time",
        ),
        Role::RecurrentBias if tensor.blocks.len() == 4 && tensor.name.contains("bias_ih") => {
            (init::gate_bias().into(), "the forget gate starts open")
        }
        Role::RecurrentBias => (
            init::zeros().into(),
            "the other bias already opens the forget gate",
        ),
        Role::Linear | Role::Conv | Role::ConvTranspose | Role::MlpIn | Role::MlpGate => {
            by_activation(tensor)
        }
        Role::Bias | Role::NormBias => (init::zeros().into(), "shifts start at 0"),
        Role::NormWeight => (init::ones().into(), "a normalization starts as one"),
        Role::LastNormWeight => (
            init::zeros().into(),
            "residual branches start silent: the network starts shallow",
        ),
        Role::BranchScale => (
            init::Constant { value: 1e-5.into() }.into(),
            "residual branches start nearly silent (LayerScale)",
        ),
        Role::RunningMean | Role::Counter => (init::zeros().into(), "nothing has been seen yet"),
        Role::RunningVar => (init::ones().into(), "nothing has been seen yet"),
        Role::PositionIds => (init::arange().into(), "positions are counted"),
        Role::RotaryFrequencies => (init::rotary_frequencies().into(), "computed, not learned"),
        Role::StateMatrix => (init::s4d().into(), "S4D-Real"),
        Role::StateSkip => (
            init::ones().into(),
            "the state space starts with its input passed through",
        ),
        Role::TimeStepBias => (
            init::mamba_dt_bias().into(),
            "time steps log-uniform between 0.001 and 0.1",
        ),
        Role::Unknown => return None,
    })
}

/// The gain that the activation asks for.
fn by_activation(tensor: &Tensor) -> (Initializer, &'static str) {
    let conv = tensor.role != Role::Linear && tensor.shape.len() > 2;
    match tensor.activation {
        Some(Activation::Relu | Activation::Relu6) if conv => (
            he_fan_out(),
            "before ReLU, gain √2; a normalization takes care of the way forward",
        ),
        Some(Activation::Relu | Activation::LeakyRelu { .. } | Activation::Prelu { .. }) => {
            let he = init::KaimingNormal {
                nonlinearity: tensor.activation,
                ..Default::default()
            };
            (
                he.into(),
                "before a rectifier: half of the variance is cut, and put back",
            )
        }
        Some(Activation::Selu) => (
            init::LecunNormal {
                distribution: Shape::Normal,
            }
            .into(),
            "self-normalizing at gain 1",
        ),
        Some(Activation::Sin) => (init::siren().into(), "a sine network's hidden layer"),
        Some(activation) if activation != Activation::Linear => (
            scaled("1", Some(activation)),
            "the activation's exact variance-preserving gain",
        ),
        _ => (
            init::xavier_uniform().into(),
            "no activation is known to follow",
        ),
    }
}

fn scaled(scale: &str, activation: Option<Activation>) -> Initializer {
    VarianceScaling {
        scale: scale.parse().expect("a built-in expression"),
        mode: Mode::FanIn,
        distribution: Shape::Normal,
        activation,
    }
    .into()
}

fn he_fan_out() -> Initializer {
    init::KaimingNormal {
        mode: Mode::FanOut,
        ..Default::default()
    }
    .into()
}

fn small() -> Initializer {
    Normal {
        std: 0.02.into(),
        ..Default::default()
    }
    .into()
}
