//! The recipe that decides by role and activation, and says why.

use std::borrow::Cow;

use super::decision::{Choice, Decision};
use super::outputs;
use super::start::Starts;
use crate::Scalar;
use crate::activation::Activation;
use crate::init::{self, Initializer, Keep, Mode, Normal, Orthogonal, Shape, VarianceScaling};
use crate::layout::FanRule;
use crate::model::{Gate, Model, Role, Source, Tensor, exponential_gate};
use crate::number::rounded;

/// `None` where the role is unknown.
pub(super) fn decide(
    tensor: &Tensor,
    model: &Model,
    starts: &Starts<'_>,
    fans: FanRule,
) -> Option<Decision> {
    let started = starts.of_tensor(tensor);
    let (initializer, reason) = started.or_else(|| choose(tensor, model))?;
    Some(Decision::of(tensor, initializer, fans, reason))
}

fn because(initializer: impl Into<Initializer>, reason: &'static str) -> Choice {
    (initializer.into(), Cow::Borrowed(reason))
}

fn choose(tensor: &Tensor, model: &Model) -> Option<Choice> {
    let unit = |scale: &str| scaled(scale, None);
    Some(match tensor.role {
        Role::Qkv if is_mixed(tensor) => because(
            unit("1"),
            "which rows are queries, keys or values is not known: one scale, by the inputs",
        ),
        Role::Query | Role::Key | Role::Value | Role::Qkv | Role::Kv => {
            because(init::xavier_uniform(), "each projection with its own fans")
        }
        _ if turns_freely(tensor) => behind_normalization(),
        _ if outputs::is_given_away(tensor) => outputs::output(),
        Role::AttentionOut | Role::MlpOut | Role::ResidualOut => end_of_branch(tensor),
        Role::Head => because(unit("1"), "logits of unit variance"),
        Role::Router => because(small(), "near-equal routing at the start"),
        Role::PatchEmbedding => because(unit("1"), "patches are inputs of unit variance"),
        Role::Embedding if model.layers.is_some() && model.width.is_some() => because(
            small(),
            "as transformers are trained: small rows, tied heads stay sane",
        ),
        Role::Embedding => because(init::normal(), "rows of unit variance, as an input"),
        Role::PositionEmbedding if is_relative(tensor) => {
            because(small(), "small beside the attention scores that it changes")
        }
        Role::Token if is_lambda(tensor) => because(
            Normal {
                std: 0.1.into(),
                ..Default::default()
            },
            "differential attention's vectors, of which two products make λ (Ye et al. 2024)",
        ),
        Role::PositionEmbedding if is_beside_words(tensor, model) => because(
            small(),
            "small, as the words that it is added to are at first",
        ),
        Role::PositionEmbedding => because(
            Normal {
                std: std::f64::consts::FRAC_1_SQRT_2.into(),
                ..Default::default()
            },
            "as large as sines and cosines are: nothing else says where a patch lies",
        ),
        Role::Token => because(small(), "small beside the tokens"),
        Role::Sinusoids => because(
            init::sinusoidal().halves(true),
            "computed, not learned: sines, then cosines",
        ),
        Role::Modulation => because(
            init::zeros(),
            "scales, shifts and gates of adaptive normalizations start at 0 (adaLN-zero)",
        ),
        Role::Steering => because(
            init::zeros(),
            "starts as its bias alone: the same for every input, until it has learned better",
        ),
        Role::DiffusionOut => because(init::zeros(), "the model's output starts at 0 (DiT)"),
        Role::AdapterIn => because(
            init::kaiming_uniform().a(5f64.sqrt()),
            "a low-rank adapter's first factor, as peft draws it",
        ),
        Role::AdapterOut => because(init::zeros(), "a low-rank adapter starts as no change"),
        Role::RecurrentInput => because(init::xavier_uniform(), "each gate with its own fans"),
        Role::RecurrentHidden => because(
            Orthogonal::default(),
            "each gate keeps the norm of the state through time",
        ),
        Role::RecurrentBias => recurrent_bias(tensor),
        role if role.is_matrix() && tensor.is_direction() => because(
            unit("1"),
            "the directions of a weight-normalized layer: variance 1 / fan_in, as its norms say",
        ),
        Role::Linear | Role::Conv | Role::ConvTranspose | Role::MlpIn | Role::MlpGate => {
            by_activation(tensor)
        }
        Role::PriorBias => because(
            init::Constant {
                value: PRIOR.into(),
            },
            "-log((1 - 0.01) / 0.01): objects are rare, one in a hundred (RetinaNet)",
        ),
        Role::Bias => bias(tensor),
        Role::NormBias => because(init::zeros(), "shifts start at 0"),
        Role::NormWeight => because(init::ones(), "a normalization starts as one"),
        Role::OffsetNormWeight if tensor.name.contains("grn.") => because(
            init::zeros(),
            "adds its response times w to what comes in: no change at the start",
        ),
        Role::OffsetNormWeight => because(
            init::zeros(),
            "a normalization that multiplies by 1 + w starts as one",
        ),
        Role::Slope => because(
            init::Constant { value: 0.25.into() },
            "a slope as PReLU starts",
        ),
        Role::LastNormWeight => last_norm_weight(tensor),
        Role::BranchScale => branch_scale(tensor),
        Role::Multiplier => multiplier(tensor),
        Role::LogitScale => logit_scale(tensor),
        Role::Sink => because(small(), "small beside the scores that it stands among"),
        Role::WeightGain => weight_gain(tensor),
        Role::Computed => because(
            Keep {},
            "the model's own code computes it: the values of its file are kept",
        ),
        Role::Constant => because(
            Keep {},
            "a constant of the exported graph, under no name of the model's: the values of its \
             file are kept",
        ),
        Role::Counter if tensor.name.ends_with("ids") => {
            because(init::zeros(), "all tokens are of the first type")
        }
        Role::RunningMean | Role::Counter => because(init::zeros(), "nothing has been seen yet"),
        Role::RunningVar => because(init::ones(), "nothing has been seen yet"),
        Role::PositionIds => because(init::arange(), "positions are counted"),
        Role::RotaryFrequencies => because(init::rotary_frequencies(), "computed, not learned"),
        Role::StateMatrix => because(init::s4d(), "S4D-Real"),
        Role::StateSkip => because(
            init::ones(),
            "the state space starts with its input passed through",
        ),
        Role::TimeStepBias => because(
            init::mamba_dt_bias(),
            "time steps log-uniform between 0.001 and 0.1",
        ),
        Role::Unknown => return None,
    })
}

/// The end of one of the branches whose sum is the residual stream: with the variance of what comes in,
/// the sum would double at every branch without normalizations (Zhang, Dauphin & Ma, *Fixup
/// Initialization*, ICLR 2019, section 2), and drown what came first with them.
fn end_of_branch(tensor: &Tensor) -> Choice {
    match (branches(tensor), tensor.layers) {
        (Some(count), _) => (
            scaled(&format!("1 / {count}"), None),
            Cow::Owned(format!(
                "ends one of {count} residual branches: their sum keeps unit variance"
            )),
        ),
        (None, Some(_)) => because(
            scaled("1 / (2 * layers)", None),
            "ends one of 2·layers residual branches: their sum keeps unit variance",
        ),
        (None, None) => because(scaled("1", None), "ends a residual branch"),
    }
}

fn branches(tensor: &Tensor) -> Option<u32> {
    tensor.branches.filter(|&count| count > 0)
}

/// Whether a weight's size does nothing but slow its learning down: a normalization undoes it.
fn turns_freely(tensor: &Tensor) -> bool {
    let is_whole = tensor.blocks.is_empty() && tensor.fused.is_none() && !tensor.is_direction();
    let is_layer = matches!(
        tensor.role,
        Role::Linear
            | Role::Conv
            | Role::ConvTranspose
            | Role::PatchEmbedding
            | Role::MlpIn
            | Role::MlpGate
            | Role::MlpOut
            | Role::AttentionOut
            | Role::ResidualOut
    );
    is_layer && is_whole && tensor.is_normalized
}

/// Behind a normalization only the ratio of the learning rate to the squared size counts (van Laarhoven,
/// *L2 Regularization versus Batch and Weight Normalization*, 2017): large weights turn slowly.
fn behind_normalization() -> Choice {
    because(
        scaled(SMALL, None),
        "a normalization follows, which undoes its size: small weights turn faster",
    )
}

/// The variance of weights in front of a normalization, times fan_in.
const SMALL: &str = "0.1";

/// The scale of a branch's last normalization: their sum keeps the variance of what comes in.
fn last_norm_weight(tensor: &Tensor) -> Choice {
    let count = branches(tensor)
        .map(|count| count as usize)
        .or(tensor.layers);
    match count.filter(|&count| count > 0) {
        Some(count) => (
            init::Constant {
                value: (count as f64).sqrt().recip().into(),
            }
            .into(),
            Cow::Owned(format!(
                "ends one of {count} residual branches: 1/√{count}, so that their sum keeps unit \
                 variance"
            )),
        ),
        None => because(init::ones(), "a normalization starts as one"),
    }
}

/// Whether a fused projection has parts of different sizes at unknown places.
fn is_mixed(tensor: &Tensor) -> bool {
    let Some(fused) = &tensor.fused else {
        return false;
    };
    let mut sizes = fused.parts.iter().map(|part| part.size);
    let first = sizes.next();
    fused.turns.is_none() && sizes.any(|size| Some(size) != first)
}

/// Whether a table holds what relative positions add to attention's scores.
fn is_relative(tensor: &Tensor) -> bool {
    let words = ["rel", "attention_biases", "rpb"];
    words.iter().any(|word| tensor.name.contains(word))
}

/// -log((1 - π) / π) of π = 0.01: Lin et al., *Focal Loss for Dense Object Detection*, ICCV 2017,
/// section 4.1.
const PRIOR: f64 = -4.595_119_850_134_59;

/// An xLSTM's exponential gates start shut for what comes in, and open for what is kept (Beck et al.,
/// *xLSTM 7B*, 2025: from 3 to 6 over the heads).
fn bias(tensor: &Tensor) -> Choice {
    let module = tensor.name.rsplit('.').nth(1).unwrap_or_default();
    match (exponential_gate(module), &tensor.shape[..]) {
        (Some(Gate::Input), _) => because(
            init::Constant {
                value: (-10.0).into(),
            },
            "an exponential gate starts shut: e⁻¹⁰ of what comes in (xLSTM)",
        ),
        (Some(Gate::Forget), &[heads]) if heads <= MOST_HEADS => {
            let step = 3.0 / (heads.max(2) - 1) as f64;
            let values = (0..heads).map(|head| 3.0 + step * head as f64);
            because(
                init::gate_bias().values(values),
                "the forget gates start open, from 3 to 6 over the heads (xLSTM)",
            )
        }
        _ => because(init::zeros(), "shifts start at 0"),
    }
}

/// More heads than an attention has.
const MOST_HEADS: usize = 1024;

/// Only an LSTM has four gates. PyTorch has two biases, of which one opens the forget gate.
fn recurrent_bias(tensor: &Tensor) -> Choice {
    let is_lstm = tensor.blocks.len() == 4;
    match is_lstm {
        true if tensor.name.contains("bias_hh") => because(
            init::zeros(),
            "the other bias already opens the forget gate",
        ),
        true => because(init::gate_bias(), "the forget gate starts open"),
        false => because(init::zeros(), "shifts start at 0"),
    }
}

/// The logarithm of a factor: 1 / 0.07 on logits (Radford et al., *Learning Transferable Visual
/// Models From Natural Language Supervision*, 2021, section 2.5), 10 on an attention's cosines (Liu
/// et al., *Swin Transformer V2*, 2022).
fn logit_scale(tensor: &Tensor) -> Choice {
    let is_single = tensor.shape.iter().all(|&size| size == 1) && tensor.shape.len() < 2;
    let (factor, reason) = match is_single {
        true => (
            1.0 / 0.07,
            "log(1 / 0.07): the temperature at which CLIP starts",
        ),
        false => (
            10.0,
            "log 10: the scale of a cosine attention's scores (Swin V2)",
        ),
    };
    let value = f64::ln(factor).into();
    because(init::Constant { value }, reason)
}

/// The norms at which a weight-normalized layer has weights of variance 1 / fan_in.
fn weight_gain(tensor: &Tensor) -> Choice {
    match tensor.bias_fan_in {
        Some(ratio) => because(
            init::Constant {
                value: ratio.exact.sqrt().into(),
            },
            "the norm that directions of variance 1 / fan_in have: the layer starts as drawn",
        ),
        None => because(init::ones(), "each output's weights have norm 1"),
    }
}

fn is_activation(tensor: &Tensor) -> bool {
    let mut parts = tensor.name.rsplit('.').skip(1);
    parts.any(|part| part.contains("act") || part.contains("snake"))
}

/// Whether positions are added to words: of the tables of words and the layers that make patches, those
/// whose name begins most alike are of the same tower. Words are told apart by causal attention and by
/// their own statistics; without positions, attention takes patches for a set (Vaswani et al. 2017,
/// section 3.5, whose sines and cosines have variance 1/2).
fn is_beside_words(positions: &Tensor, model: &Model) -> bool {
    let shared = |other: &Tensor| {
        let (ours, theirs) = (positions.name.split('.'), other.name.split('.'));
        ours.zip(theirs).take_while(|(a, b)| a == b).count()
    };
    let nearest = |role: Role| {
        let tensors = model.tensors.iter();
        tensors.filter(|t| t.role == role).map(shared).max()
    };
    let words = nearest(Role::Embedding);
    words.is_some() && words >= nearest(Role::PatchEmbedding)
}

fn is_lambda(tensor: &Tensor) -> bool {
    let leaf = tensor.name.rsplit('.').next().unwrap_or_default();
    leaf.starts_with("lambda_q") || leaf.starts_with("lambda_k")
}

/// The value at which each kind of multiplier changes nothing.
fn multiplier(tensor: &Tensor) -> Choice {
    let mut parts = tensor.name.rsplit('.');
    let (leaf, module) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let constant = |value: f64, reason| {
        because(
            init::Constant {
                value: value.into(),
            },
            reason,
        )
    };
    match leaf {
        "alpha_p" => constant(
            softplus_inverse(XIELU),
            "xIELU's squares: α = 0.8 behind a softplus (Huang & Schlag 2024)",
        ),
        "alpha_n" => constant(
            softplus_inverse(XIELU - XIELU_LINEAR),
            "xIELU's squares below 0: α = 0.8, of which β = 0.5 is fixed (Huang & Schlag 2024)",
        ),
        "scale" if module == "softmax_scaling" => because(
            init::zeros(),
            "scores that grow with the logarithm of the position: not at the start",
        ),
        "bias" if module == "softmax_scaling" => {
            because(init::ones(), "scores are multiplied as by one at the start")
        }
        "scale_weight" => constant(
            20.0,
            "the norm of each place's features behind their normalization (SSD; Liu et al. 2016)",
        ),
        "A" => because(
            init::zeros(),
            "the mask that is made of the values starts as none: e⁰ = 1",
        ),
        "bin_score" => because(
            init::ones(),
            "the score of what matches nothing (SuperGlue)",
        ),
        "per_dim_scale" => because(
            init::zeros(),
            "a softplus that is scaled to 1 at 0 comes between: no change at the start",
        ),
        "correct_output_scale" => because(
            init::zeros(),
            "what comes back to the streams that were left out starts at nothing (AltUp)",
        ),
        "log_scale" => because(init::zeros(), "the logarithm of a factor of 1"),
        "alpha" | "beta" if tensor.shape.len() == 1 && is_activation(tensor) => because(
            init::zeros(),
            "the logarithms of SnakeBeta's frequency and scale: both start at 1 (BigVGAN)",
        ),
        "layer_weights" => because(init::ones(), "all layers have equal shares"),
        "gating_param" => because(
            init::ones(),
            "attention by content and by place share alike, mostly by place (ConViT)",
        ),
        _ => because(init::ones(), "multiplies as one: no change at the start"),
    }
}

/// The factors of xIELU's squares and of its linear part below 0 (Huang & Schlag, *Deriving Activation
/// Functions Using Integration*, 2024).
const XIELU: f64 = 0.8;
const XIELU_LINEAR: f64 = 0.5;

/// The number whose softplus this is.
fn softplus_inverse(value: f64) -> f64 {
    libm::log(libm::expm1(value))
}

/// The value at which each kind of branch scale starts: gates of what is added to a trained network are
/// closed, others are as good as not there, since the ends of branches keep their sum in scale.
fn branch_scale(tensor: &Tensor) -> Choice {
    let leaf = tensor.name.rsplit('.').next().unwrap_or_default();
    match leaf {
        "alpha_cross_attn"
        | "alpha_dense"
        | "cross_attn_attn_gate"
        | "cross_attn_mlp_gate"
        | "gate_attention"
        | "gate_ffw" => because(
            init::zeros(),
            "the gate of cross-attention starts closed (Flamingo)",
        ),
        "gate" if tensor.name.contains("residual_gate.") => {
            because(init::zeros(), "the gate starts half open: σ(0)")
        }
        "gate" => because(init::zeros(), "the gate starts closed"),
        "gate_attn" | "gate_ffn" => because(
            init::Constant {
                value: std::f64::consts::FRAC_PI_4.into(),
            },
            "the gate of Llama 3.2's global vision layers starts at tanh(π / 4)",
        ),
        "vision_param" | "text_param" => because(
            init::Constant { value: 1e-4.into() },
            "residual branches start nearly silent (LayerScale, as in Grounding DINO)",
        ),
        _ => because(
            init::ones(),
            "branches start awake: what they end in keeps their sum in scale",
        ),
    }
}

/// The gain that the activation asks for.
fn by_activation(tensor: &Tensor) -> Choice {
    let conv = tensor.role != Role::Linear && tensor.shape.len() > 2;
    let Some(activation) = tensor
        .activation
        .filter(|after| *after != Activation::Linear)
    else {
        return unknown_activation(tensor);
    };
    let from = tensor
        .activation_from
        .map_or(String::new(), |source| format!(", {source}"));
    let before = |words: &str| Cow::Owned(format!("before {}{from}: {words}", activation));
    match activation {
        Activation::Sin if is_siren(tensor) => {
            let omega = tensor.times.map_or(SIREN, f64::abs);
            let place = if tensor.is_input { "first" } else { "hidden" };
            let words = format!("a sine network's {place} layer, ω = {}", rounded(omega));
            let siren = init::siren().first(tensor.is_input).omega(omega);
            (siren.into(), before(&words))
        }
        _ if tensor.times.is_some_and(|times| times != 0.0) => {
            let times = tensor.times.unwrap_or(1.0);
            let words = format!(
                "its exact variance-preserving gain, over the {} that comes first",
                rounded(times)
            );
            (
                scaled_by(times.powi(-2).into(), Some(activation)),
                before(&words),
            )
        }
        Activation::Relu | Activation::Relu6 if conv => (
            he_fan_out(),
            before("gain √2, kept on the way back (fan_out)"),
        ),
        Activation::Relu | Activation::LeakyRelu { .. } | Activation::Prelu { .. } => {
            let he = init::KaimingNormal {
                nonlinearity: tensor.activation,
                ..Default::default()
            };
            (
                he.into(),
                before("half of the variance is cut, and put back"),
            )
        }
        Activation::Selu => (
            init::LecunNormal {
                distribution: Shape::Normal,
            }
            .into(),
            before("self-normalizing at gain 1"),
        ),
        _ => (
            scaled("1", Some(activation)),
            before("its exact variance-preserving gain"),
        ),
    }
}

/// The frequency that comes before sines where no graph says otherwise (Sitzmann et al. 2020).
const SIREN: f64 = 30.0;

/// Whether the sines behind a layer have a frequency: a graph or a description without one has
/// none.
fn is_siren(tensor: &Tensor) -> bool {
    let is_known = matches!(
        tensor.activation_from,
        Some(Source::Description | Source::Graph | Source::Module)
    );
    tensor.times.is_some() || !is_known
}

fn unknown_activation(tensor: &Tensor) -> Choice {
    match tensor.role {
        Role::MlpIn | Role::MlpGate => because(
            scaled("2", None),
            "which activation follows is not known: gain √2, as the usual ones of feed-forward \
             blocks cut about half of the variance",
        ),
        _ if tensor.activation.is_some() => {
            because(init::xavier_uniform(), "no activation follows")
        }
        _ => because(init::xavier_uniform(), "no activation is known to follow"),
    }
}

fn scaled(scale: &str, activation: Option<Activation>) -> Initializer {
    scaled_by(scale.parse().expect("a built-in expression"), activation)
}

fn scaled_by(scale: Scalar, activation: Option<Activation>) -> Initializer {
    VarianceScaling {
        scale,
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
