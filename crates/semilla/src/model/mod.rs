//! A model as initialization sees it: named tensors, each with a role.

mod convention;
mod roles;
mod spec;

use serde::{Deserialize, Serialize};

pub use convention::{Convention, MixedNames};
pub use spec::{Spec, SpecError};

use crate::activation::Activation;
use crate::dtype::DType;
use crate::layout::{FanRule, Layout};

/// What a tensor does in its network. Recipes decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// A linear layer's weight of no more particular role.
    Linear,
    /// A convolution's weight.
    Conv,
    /// A transposed convolution's weight.
    ConvTranspose,
    /// The convolution or linear map that turns patches into tokens.
    PatchEmbedding,
    /// A table looked up by token (or token type).
    Embedding,
    /// A learned table of absolute positions.
    PositionEmbedding,
    /// A learned token or other free parameter (class token, mask token, layer scale excluded).
    Token,
    /// Attention's query projection.
    Query,
    /// Attention's key projection.
    Key,
    /// Attention's value projection.
    Value,
    /// Query, key and value in one weight.
    Qkv,
    /// Attention's output projection: the end of a residual branch.
    AttentionOut,
    /// A feed-forward block's first projection (`up`, `fc1`, `intermediate`).
    MlpIn,
    /// A gated feed-forward block's gate projection, or gate and up in one weight.
    MlpGate,
    /// A feed-forward block's last projection: the end of a residual branch.
    MlpOut,
    /// The last convolution of a residual branch.
    ResidualOut,
    /// A mixture of experts' router.
    Router,
    /// The output layer: a classifier or a language model's head.
    Head,
    /// A recurrent layer's input-to-hidden weight, gates stacked.
    RecurrentInput,
    /// A recurrent layer's hidden-to-hidden weight, gates stacked.
    RecurrentHidden,
    /// A recurrent layer's bias, gates stacked.
    RecurrentBias,
    /// A bias.
    Bias,
    /// A normalization layer's scale.
    NormWeight,
    /// A normalization layer's shift.
    NormBias,
    /// The scale of a residual branch's last normalization.
    LastNormWeight,
    /// A learned multiplier of a residual branch (ReZero, SkipInit, LayerScale).
    BranchScale,
    /// A running mean of batch normalization.
    RunningMean,
    /// A running variance of batch normalization.
    RunningVar,
    /// A counter, such as `num_batches_tracked`.
    Counter,
    /// Positions 0, 1, 2... stored as a buffer.
    PositionIds,
    /// The rotary embedding's inverse frequencies, stored as a buffer.
    RotaryFrequencies,
    /// A state-space model's `A_log`.
    StateMatrix,
    /// A state-space model's time-step bias.
    TimeStepBias,
    /// A state-space model's skip connection `D`.
    StateSkip,
    /// Nothing above could be read off its name, shape and place.
    Unknown,
}

impl Role {
    /// Every role, in the order of their declaration.
    pub const ALL: [Role; 35] = [
        Role::Linear,
        Role::Conv,
        Role::ConvTranspose,
        Role::PatchEmbedding,
        Role::Embedding,
        Role::PositionEmbedding,
        Role::Token,
        Role::Query,
        Role::Key,
        Role::Value,
        Role::Qkv,
        Role::AttentionOut,
        Role::MlpIn,
        Role::MlpGate,
        Role::MlpOut,
        Role::ResidualOut,
        Role::Router,
        Role::Head,
        Role::RecurrentInput,
        Role::RecurrentHidden,
        Role::RecurrentBias,
        Role::Bias,
        Role::NormWeight,
        Role::NormBias,
        Role::LastNormWeight,
        Role::BranchScale,
        Role::RunningMean,
        Role::RunningVar,
        Role::Counter,
        Role::PositionIds,
        Role::RotaryFrequencies,
        Role::StateMatrix,
        Role::TimeStepBias,
        Role::StateSkip,
        Role::Unknown,
    ];

    /// Whether this is a weight that multiplies activations: what Xavier, He and orthogonal are for.
    pub const fn is_matrix(self) -> bool {
        matches!(
            self,
            Role::Linear
                | Role::Conv
                | Role::ConvTranspose
                | Role::PatchEmbedding
                | Role::Query
                | Role::Key
                | Role::Value
                | Role::Qkv
                | Role::AttentionOut
                | Role::MlpIn
                | Role::MlpGate
                | Role::MlpOut
                | Role::ResidualOut
                | Role::Router
                | Role::Head
                | Role::RecurrentInput
                | Role::RecurrentHidden
        )
    }
}

/// The fan_in of a bias's weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasFanIn {
    /// What the layer computes.
    pub exact: f64,
    /// What PyTorch reads off the weight's shape; another number for transposed convolutions.
    pub pytorch: f64,
}

impl BiasFanIn {
    /// The same by every rule.
    pub const fn of(fan_in: f64) -> Self {
        Self {
            exact: fan_in,
            pytorch: fan_in,
        }
    }

    /// The number by a rule.
    pub const fn by(self, rule: FanRule) -> f64 {
        match rule {
            FanRule::Pytorch => self.pytorch,
            FanRule::Exact | FanRule::Keras => self.exact,
        }
    }
}

/// One tensor of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// The name in the state dict.
    pub name: String,
    /// The sizes of its axes, row-major.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
    /// What it does.
    pub role: Role,
    /// What its axes are; `None` for vectors, scalars and buffers.
    pub layout: Option<Layout>,
    /// Sizes of blocks stacked along the output axis, each with fans of its own (fused query, key and value;
    /// the gates of a recurrent layer); empty for a plain weight.
    pub blocks: Vec<usize>,
    /// The fan_in of the weight that this bias belongs to, where there is one.
    pub bias_fan_in: Option<BiasFanIn>,
    /// The number of the residual block that it lies in, from 0.
    pub depth: Option<usize>,
    /// The activation that its output goes through.
    pub activation: Option<Activation>,
    /// Whether a normalization comes between it and that activation: then the gain does nothing to the signal's size.
    pub is_normalized: bool,
}

impl Tensor {
    /// A tensor of unknown role.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, dtype: DType) -> Self {
        Self {
            name: name.into(),
            shape: shape.into(),
            dtype,
            role: Role::Unknown,
            layout: None,
            blocks: Vec::new(),
            bias_fan_in: None,
            depth: None,
            activation: None,
            is_normalized: false,
        }
    }

    /// PyTorch's linear weight, `[out, in]`, in `f32`.
    pub fn linear(name: impl Into<String>, fan_in: usize, fan_out: usize) -> Self {
        Self::new(name, [fan_out, fan_in], DType::F32).with(Role::Linear, Layout::oi())
    }

    /// PyTorch's convolution weight, `[out, in, kernel...]`, in `f32`.
    pub fn conv(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        let shape = shape.into();
        let spatial = shape.len().saturating_sub(2);
        Self::new(name, shape, DType::F32).with(Role::Conv, Layout::conv(spatial))
    }

    /// The same tensor with a role and a layout.
    pub fn with(mut self, role: Role, layout: Layout) -> Self {
        self.role = role;
        self.layout = Some(layout);
        self
    }

    /// The number of elements, `None` if it does not fit 64 bits.
    pub fn len(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1u64, |n, &size| n.checked_mul(size as u64))
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

/// The tensors of a network, in the order of its state dict, and what is known of the whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The tensors.
    pub tensors: Vec<Tensor>,
    /// The number of residual blocks (transformer layers, residual units); `None` where none were found.
    pub layers: Option<usize>,
    /// The width of the residual stream; `None` where none was found.
    pub width: Option<usize>,
}
