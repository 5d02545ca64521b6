//! Kinds of modules, and the parameters that each has.

use crate::layout::Layout;
use crate::model::Role;

/// A kind of module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `linear(in, out, bias=true)`, stored `[out, in]`.
    Linear,
    /// `linear_io(in, out, bias=true)`, stored `[in, out]`: GPT-2's `Conv1D`.
    LinearIo,
    /// `conv(in, out, kernel..., bias=true, groups=1, stride=1)`; `stride` is the product of all.
    Conv,
    /// `conv_transpose(in, out, kernel..., bias=true, groups=1, stride=1)`.
    ConvTranspose,
    /// `embedding(rows, width, pad=null)`.
    Embedding,
    /// `layer_norm(size, bias=true)`; a normalization by groups too.
    LayerNorm,
    /// `rms_norm(size)`.
    RmsNorm,
    /// `offset_norm(size)`: multiplies by 1 + w.
    OffsetNorm,
    /// `batch_norm(size)`, with running statistics.
    BatchNorm,
    /// `parameter(size...)`: a tensor of this name itself.
    Parameter,
}

/// The sizes and options of one module.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    pub(super) all: Vec<usize>,
    pub(super) has_bias: bool,
    pub(super) groups: usize,
    pub(super) stride: usize,
}

/// One tensor of a module.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Its name within the module; empty for the module's own.
    pub(super) leaf: &'static str,
    pub(super) shape: Vec<usize>,
    pub(super) role: Role,
    pub(super) layout: Option<Layout>,
    /// The law of the family that it follows unless the line states one.
    pub(super) law: &'static str,
    /// A buffer of integers.
    pub(super) is_counter: bool,
}

impl Slot {
    fn new(leaf: &'static str, shape: Vec<usize>, role: Role, law: &'static str) -> Self {
        Self {
            leaf,
            shape,
            role,
            layout: None,
            law,
            is_counter: false,
        }
    }

    fn laid_out(self, layout: Layout) -> Self {
        Self {
            layout: Some(layout),
            ..self
        }
    }
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "linear" => Kind::Linear,
            "linear_io" => Kind::LinearIo,
            "conv" => Kind::Conv,
            "conv_transpose" => Kind::ConvTranspose,
            "embedding" => Kind::Embedding,
            "layer_norm" => Kind::LayerNorm,
            "rms_norm" => Kind::RmsNorm,
            "offset_norm" => Kind::OffsetNorm,
            "batch_norm" => Kind::BatchNorm,
            "parameter" => Kind::Parameter,
            _ => return None,
        })
    }

    /// Its tensors, the weight first; `None` if the number of sizes does not fit.
    pub(super) fn slots(self, sizes: &Sizes) -> Option<Vec<Slot>> {
        let per_group = |channels: usize| channels / sizes.groups.max(1);
        let (weight, outputs) = match (self, &sizes.all[..]) {
            (Kind::Linear, &[inputs, outputs]) => {
                let weight = Slot::new("weight", vec![outputs, inputs], Role::Linear, "linear");
                (weight.laid_out(Layout::oi()), outputs)
            }
            (Kind::LinearIo, &[inputs, outputs]) => {
                let weight = Slot::new("weight", vec![inputs, outputs], Role::Linear, "linear");
                (weight.laid_out(Layout::io()), outputs)
            }
            (Kind::Conv, &[inputs, outputs, ref kernel @ ..]) => {
                let shape = [&[outputs, per_group(inputs)], kernel].concat();
                let layout = Layout::conv(kernel.len()).grouped(sizes.groups);
                let weight = Slot::new("weight", shape, Role::Conv, "conv");
                (weight.laid_out(layout.strided(sizes.stride)), outputs)
            }
            (Kind::ConvTranspose, &[inputs, outputs, ref kernel @ ..]) => {
                let shape = [&[inputs, per_group(outputs)], kernel].concat();
                let layout = Layout::conv_transpose(kernel.len(), sizes.groups);
                let weight = Slot::new("weight", shape, Role::ConvTranspose, "conv");
                (weight.laid_out(layout.strided(sizes.stride)), outputs)
            }
            (Kind::Embedding, &[rows, width]) => {
                let weight = Slot::new("weight", vec![rows, width], Role::Embedding, "embedding");
                return Some(vec![weight.laid_out(Layout::embedding())]);
            }
            (Kind::Parameter, shape) => {
                return Some(vec![Slot::new(
                    "",
                    shape.to_vec(),
                    Role::Token,
                    "parameter",
                )]);
            }
            (norm, &[size]) => return norm.normalization(size, sizes.has_bias),
            _ => return None,
        };
        let bias = Slot::new("bias", vec![outputs], Role::Bias, "bias");
        let bias = sizes.has_bias.then_some(bias);
        Some(std::iter::once(weight).chain(bias).collect())
    }

    fn normalization(self, size: usize, has_bias: bool) -> Option<Vec<Slot>> {
        let of = |leaf, role, law| Slot::new(leaf, vec![size], role, law);
        let weight = of("weight", Role::NormWeight, "norm");
        let bias = of("bias", Role::NormBias, "bias");
        Some(match self {
            Kind::RmsNorm => vec![weight],
            Kind::OffsetNorm => vec![of("weight", Role::OffsetNormWeight, "offset_norm")],
            Kind::LayerNorm if !has_bias => vec![weight],
            Kind::LayerNorm => vec![weight, bias],
            Kind::BatchNorm => vec![
                weight,
                bias,
                of("running_mean", Role::RunningMean, "running_mean"),
                of("running_var", Role::RunningVar, "running_var"),
                Slot {
                    shape: Vec::new(),
                    is_counter: true,
                    ..of("num_batches_tracked", Role::Counter, "running_mean")
                },
            ],
            _ => return None,
        })
    }
}
