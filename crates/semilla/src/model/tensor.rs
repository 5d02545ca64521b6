//! One tensor of a model, with what is known of it.

use serde::{Deserialize, Serialize};

use super::fused::Fused;
use super::role::Role;
use super::side::Side;
use super::source::Source;
use crate::activation::Activation;
use crate::dtype::DType;
use crate::layout::{Axis, FanRule, Layout};

/// The fan_in of a bias's weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasFanIn {
    /// By the layer's own definition.
    pub exact: f64,
    /// As PyTorch reads it off the weight's shape; different for transposed convolutions.
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
///
/// ```
/// use semilla::{Activation, DType, Tensor};
///
/// let gates = Tensor::linear("lstm.weight_ih", 128, 4 * 256).dtype(DType::BF16).gates(4);
/// assert_eq!(gates.blocks, [256; 4]);
/// let conv = Tensor::conv("conv.weight", [64, 2, 3, 3]).groups(32).activation(Activation::Relu);
/// assert_eq!(conv.layout.unwrap().to_string(), "OIHW/32");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// The name in the state dict.
    pub name: String,
    /// The sizes of its axes, row-major.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
    /// Its job in the network.
    pub role: Role,
    /// The meaning of its axes; `None` for vectors, scalars and buffers.
    pub layout: Option<Layout>,
    /// Sizes of blocks stacked along the output axis, each with fans of its own (fused query, key
    /// and value; the gates of a recurrent layer); empty for a plain weight.
    pub blocks: Vec<usize>,
    /// The weights of different roles that it holds along its output axis, where it is fused and
    /// their sizes are known.
    #[serde(default)]
    pub fused: Option<Box<Fused>>,
    /// The fan_in of the weight that this bias belongs to, where there is one; of a
    /// weight-normalized layer's norms, the square of one where the weights' variance is 1 / fan_in.
    pub bias_fan_in: Option<BiasFanIn>,
    /// The number of the residual block that it lies in, from 0.
    pub depth: Option<usize>,
    /// The activation that its output goes through.
    pub activation: Option<Activation>,
    /// What its output is multiplied by before that activation, where it is known: ω in a network
    /// of sines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<f64>,
    /// Whether a normalization comes between it and that activation: then the gain does nothing to
    /// the signal's size.
    pub is_normalized: bool,
    /// The number of residual blocks in the stack that it lies in: encoder and decoder, text and
    /// vision are stacks of their own. `None` outside of blocks.
    #[serde(default)]
    pub layers: Option<usize>,
    /// The weight that takes its output, with nothing but its bias, a normalization and its activation
    /// between.
    #[serde(default)]
    pub next: Option<Box<str>>,
    /// The row of a table that stands for no token: it is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<usize>,
    /// Whether it is the first of a chain of layers, and so takes what comes into the network.
    #[serde(default)]
    pub is_input: bool,
    /// Whether the model gives away what it makes of other layers' work, with nothing but its bias behind:
    /// logits, pictures, quantities.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_output: bool,
    /// The side of an encoder-decoder that its stack is on; `None` outside of blocks.
    #[serde(default)]
    pub side: Option<Side>,
    /// The number of residual branches in the stack that it lies in.
    #[serde(default)]
    pub branches: Option<u32>,
    /// The number of layers in series in the residual branch that it lies in.
    #[serde(default)]
    pub branch_layers: Option<u32>,
    /// The role of the weight that this bias belongs to, where there is one.
    #[serde(default)]
    pub bias_of: Option<Role>,
    /// Where the activation is known from.
    #[serde(skip)]
    pub activation_from: Option<Source>,
    /// The ground for its role or layout, in words, where it is a conclusion and not known.
    #[serde(skip)]
    pub ground: Option<&'static str>,
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
            fused: None,
            bias_fan_in: None,
            depth: None,
            activation: None,
            times: None,
            is_normalized: false,
            layers: None,
            next: None,
            padding: None,
            is_input: false,
            is_output: false,
            side: None,
            branches: None,
            branch_layers: None,
            bias_of: None,
            activation_from: None,
            ground: None,
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
    #[must_use]
    pub fn with(self, role: Role, layout: Layout) -> Self {
        self.role(role).layout(layout)
    }

    /// The same tensor with an element type.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// The same tensor with a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The same tensor with a layout.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// The same convolution in groups: its layout is [`Layout::grouped`]. A tensor without a
    /// layout stays as it is.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.layout = self.layout.map(|layout| layout.grouped(groups));
        self
    }

    /// The same tensor with blocks of these sizes stacked along its output axis (its first axis if
    /// it has no layout). Sizes that do not add up to the axis are an error where an initializer
    /// needs them.
    #[must_use]
    pub fn blocks(mut self, sizes: impl Into<Vec<usize>>) -> Self {
        self.blocks = sizes.into();
        self
    }

    /// The same tensor as `gates` equal blocks ([`Tensor::blocks`]): 4 for an LSTM, 3 for a GRU or
    /// fused query, key and value. An axis that does not divide is an error where an initializer
    /// needs the blocks.
    #[must_use]
    pub fn gates(self, gates: usize) -> Self {
        let axis = self
            .layout
            .as_ref()
            .and_then(|layout| layout.axis(Axis::Out));
        let out = self.shape.get(axis.unwrap_or(0)).copied().unwrap_or(0);
        let size = out.checked_div(gates).unwrap_or(0);
        self.blocks(vec![size; gates.min(out)])
    }

    /// The same tensor as several weights in one. Parts that do not fill the output axis are an
    /// error where an initializer needs them.
    #[must_use]
    pub fn fused(mut self, fused: Fused) -> Self {
        self.blocks = fused.row();
        self.fused = Some(Box::new(fused));
        self
    }

    /// The same bias with the fan_in of its weight.
    #[must_use]
    pub fn bias_fan_in(mut self, fan_in: BiasFanIn) -> Self {
        self.bias_fan_in = Some(fan_in);
        self
    }

    /// The same tensor in a residual block, counted from 0.
    #[must_use]
    pub fn depth(mut self, block: usize) -> Self {
        self.depth = Some(block);
        self
    }

    /// The same tensor with the activation that its output goes through.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = Some(activation);
        self
    }

    /// The number of elements, `None` if it does not fit 64 bits.
    pub fn len(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1u64, |n, &size| n.checked_mul(size as u64))
    }

    /// Whether it holds a weight-normalized layer's directions.
    pub(crate) fn is_direction(&self) -> bool {
        let name = &self.name;
        name.ends_with("weight_v") || name.ends_with("parametrizations.weight.original1")
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}
