//! Roles, layouts and places read off the names that frameworks give their tensors.
//!
//! The conventions are those of PyTorch's layers, transformers, timm, torchvision, Meta's Llama, Keras and Flax. A
//! name that none of them uses keeps [`Role::Unknown`], and recipes then ask for a rule. Shapes are consulted for the
//! number of axes only; which axis is which follows from the convention and the role.

use std::collections::HashMap;

use super::convention::{is_number, without_output};
use super::{BiasFanIn, Convention, Model, Role, Tensor};
use crate::activation::Activation;
use crate::dtype::DType;
use crate::layout::{Axis, FanRule, Layout};

impl Model {
    /// The model of a list of tensors, each with what its name tells.
    ///
    /// ```
    /// use semilla::{DType, Model, Role, model::Convention};
    ///
    /// let names = ["h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias"];
    /// let shapes = [vec![64, 64], vec![64]];
    /// let tensors = names.iter().zip(shapes).map(|(n, s)| (n.to_string(), s, DType::F32));
    /// let model = Model::infer(tensors, Convention::Pytorch);
    /// assert_eq!(model.tensors[0].role, Role::AttentionOut);
    /// assert_eq!(model.tensors[0].layout.as_ref().unwrap().to_string(), "IO"); // GPT-2's Conv1D
    /// assert_eq!(model.tensors[1].bias_fan_in.unwrap().exact, 64.0);
    /// ```
    pub fn infer(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, DType)>,
        convention: Convention,
    ) -> Self {
        let unread = |(name, shape, dtype)| Tensor::new(name, shape, dtype);
        Self::read(tensors.into_iter().map(unread).collect(), convention)
    }

    fn read(mut tensors: Vec<Tensor>, convention: Convention) -> Self {
        let by_name = sorted(&tensors);
        for place in 0..tensors.len() {
            let all = All::new(&tensors, &by_name);
            let told = read(&tensors[place], all, convention);
            let tensor = &mut tensors[place];
            (tensor.role, tensor.layout, tensor.blocks, tensor.activation) = told;
        }
        mark_residual_units(&mut tensors);
        let layers = number_blocks(&mut tensors);
        mark_depthwise(&mut tensors);
        join_biases(&mut tensors, &by_name);
        let width = width(&tensors);
        Self {
            tensors,
            layers,
            width,
        }
    }
}

/// All tensors of a model, to be found by name. Files may have a million: nothing of them is copied.
#[derive(Clone, Copy)]
struct All<'a> {
    tensors: &'a [Tensor],
    /// Places in the list, sorted by name.
    by_name: &'a [usize],
}

impl<'a> All<'a> {
    fn new(tensors: &'a [Tensor], by_name: &'a [usize]) -> Self {
        Self { tensors, by_name }
    }

    fn find(&self, name: &str) -> Option<&'a Tensor> {
        let order = |&place: &usize| own_name(&self.tensors[place]).cmp(name);
        let found = self.by_name.binary_search_by(order).ok()?;
        Some(&self.tensors[self.by_name[found]])
    }
}

fn sorted(tensors: &[Tensor]) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..tensors.len()).collect();
    by_name.sort_unstable_by(|&a, &b| own_name(&tensors[a]).cmp(own_name(&tensors[b])));
    by_name
}

/// The name that a framework gave: TensorFlow adds `:0`.
fn own_name(tensor: &Tensor) -> &str {
    without_output(&tensor.name)
}

/// A name taken apart at its dots (and, for Keras and Flax, slashes).
struct Name<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Name<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            parts: name.split(['.', '/']).collect(),
        }
    }

    /// The parameter's own name: `weight`.
    fn leaf(&self) -> &'a str {
        self.parts.last().copied().unwrap_or("")
    }

    /// The module that it belongs to: `q_proj`.
    fn module(&self) -> &'a str {
        self.parts
            .len()
            .checked_sub(2)
            .map_or("", |at| self.parts[at])
    }

    /// The module around that.
    fn parent(&self) -> &'a str {
        self.parts
            .len()
            .checked_sub(3)
            .map_or("", |at| self.parts[at])
    }

    fn inside(&self, fragment: &str) -> bool {
        let end = self.parts.len().saturating_sub(1);
        self.parts[..end]
            .iter()
            .any(|part| part.to_ascii_lowercase().contains(fragment))
    }
}

/// What a tensor's name and those around it tell: its role, its axes, its blocks, the activation after it.
fn read(
    tensor: &Tensor,
    all: All<'_>,
    convention: Convention,
) -> (Role, Option<Layout>, Vec<usize>, Option<Activation>) {
    let text = own_name(tensor);
    let name = Name::new(text);
    let role = role(&name, &tensor.shape, tensor.dtype, all, text);
    let layout = layout(&name, role, tensor.shape.len(), convention);
    let blocks = blocks(&name, text, &tensor.shape, role, layout.as_ref(), all);
    (role, layout, blocks, activation(&name, role))
}

fn role(name: &Name<'_>, shape: &[usize], dtype: DType, all: All<'_>, text: &str) -> Role {
    if let Some(role) = buffer(name, dtype) {
        return role;
    }
    if !dtype.is_float() {
        return Role::Unknown;
    }
    if let Some(role) = recurrent(name.leaf()) {
        return role;
    }
    if let Some(role) = free_parameter(name) {
        return role;
    }
    if shape.len() < 2 {
        vector(name, all, text)
    } else {
        matrix(name, shape.len())
    }
}

fn buffer(name: &Name<'_>, dtype: DType) -> Option<Role> {
    let statistics = matches!(name.leaf(), "mean" | "var") && is_norm(name);
    Some(match name.leaf() {
        "running_mean" | "moving_mean" => Role::RunningMean,
        "running_var" | "moving_variance" => Role::RunningVar,
        "mean" if statistics => Role::RunningMean,
        "var" if statistics => Role::RunningVar,
        "num_batches_tracked" => Role::Counter,
        "token_type_ids" if !dtype.is_float() => Role::Counter,
        "position_ids" => Role::PositionIds,
        "inv_freq" => Role::RotaryFrequencies,
        _ => return None,
    })
}

fn recurrent(leaf: &str) -> Option<Role> {
    if leaf.starts_with("weight_ih") {
        Some(Role::RecurrentInput)
    } else if leaf.starts_with("weight_hh") || leaf == "recurrent_kernel" {
        Some(Role::RecurrentHidden)
    } else if leaf.starts_with("bias_ih") || leaf.starts_with("bias_hh") {
        Some(Role::RecurrentBias)
    } else {
        None
    }
}

/// Parameters that have a name of their own instead of `weight` or `bias`.
fn free_parameter(name: &Name<'_>) -> Option<Role> {
    let scale = name.inside("ls1") || name.inside("ls2") || name.inside("layer_scale");
    Some(match name.leaf() {
        "A_log" => Role::StateMatrix,
        "D" => Role::StateSkip,
        "dt_bias" => Role::TimeStepBias,
        "bias" if name.module() == "dt_proj" => Role::TimeStepBias,
        "gamma" if scale => Role::BranchScale,
        "gamma_1" | "gamma_2" | "lambda1" | "resweight" | "skip_gain" | "layer_scale_parameter" => {
            Role::BranchScale
        }
        "cls_token" | "dist_token" | "mask_token" | "reg_token" | "class_embedding"
        | "register_tokens" | "class_token" => Role::Token,
        "pos_embed"
        | "pos_embedding"
        | "position_embedding"
        | "position_embeddings"
        | "positional_embedding"
        | "pos_emb"
        | "relative_position_bias_table" => Role::PositionEmbedding,
        _ => return None,
    })
}

/// Whether the module normalizes: `LayerNorm`, `input_layernorm`, `ln_1`, `bn2`, `norm`.
fn is_norm(name: &Name<'_>) -> bool {
    let module = name.module().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        module.strip_prefix(prefix).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('_') || rest.bytes().all(|b| b.is_ascii_digit())
        })
    };
    module.contains("norm")
        || numbered("ln")
        || numbered("bn")
        || module.ends_with("_ln")
        || module.ends_with("_bn")
        // torchvision's shortcut: a convolution, then its normalization.
        || (name.parent() == "downsample" && module == "1")
}

fn vector(name: &Name<'_>, all: All<'_>, text: &str) -> Role {
    let norm = is_norm(name);
    match name.leaf() {
        "weight" | "scale" | "gamma" | "g" => Role::NormWeight,
        "beta" => Role::NormBias,
        _ if name.leaf().ends_with("bias") || name.leaf() == "b" => {
            // The bias of a one-dimensional weight is a normalization's.
            let sibling = text.strip_suffix("bias").and_then(|stem| {
                ["weight", "scale"]
                    .iter()
                    .find_map(|leaf| all.find(&format!("{stem}{leaf}")))
            });
            let beside_vector = sibling.is_some_and(|tensor| tensor.shape.len() < 2);
            if norm || beside_vector {
                Role::NormBias
            } else {
                Role::Bias
            }
        }
        _ => Role::Unknown,
    }
}

fn matrix(name: &Name<'_>, rank: usize) -> Role {
    let leaf = name.leaf();
    let known = matches!(
        leaf,
        "weight" | "kernel" | "w" | "embedding" | "embeddings" | "depthwise_kernel"
    ) || leaf.ends_with("_proj")
        || leaf == "in_proj_weight";
    if !known {
        return Role::Unknown;
    }
    // A stacked expert's weight bears the projection's name itself.
    let own = if leaf.ends_with("_proj") || leaf == "in_proj_weight" {
        leaf
    } else {
        name.module()
    };
    let own = own.to_ascii_lowercase();
    let attention = name.inside("attn") || name.inside("attention");
    if rank == 2
        && let Some(role) = table(&own, leaf)
    {
        return role;
    }
    if name.inside("patch_embed") {
        return Role::PatchEmbedding;
    }
    if rank > 3 || (rank == 3 && !name.inside("expert")) {
        return convolution(name, &own);
    }
    if let Some(role) = projection(name, &own, attention) {
        return role;
    }
    Role::Linear
}

fn table(module: &str, leaf: &str) -> Option<Role> {
    let position = [
        "wpe",
        "position_embeddings",
        "embed_positions",
        "position_embedding",
        "pos_embed",
    ];
    if position.contains(&module) || module == "relative_attention_bias" {
        return Some(Role::PositionEmbedding);
    }
    let token = [
        "word_embeddings",
        "token_type_embeddings",
        "embed_tokens",
        "wte",
        "tok_embeddings",
        "token_embedding",
        "embedding",
        "embeddings",
        "embed",
        "embed_in",
        "shared",
        "emb",
    ];
    let flax = matches!(leaf, "embedding" | "embeddings");
    (flax || token.contains(&module)).then_some(Role::Embedding)
}

fn convolution(name: &Name<'_>, module: &str) -> Role {
    let transposed = ["transpose", "deconv", "upconv", "up_conv", "convt"];
    let up = transposed
        .iter()
        .any(|word| module.contains(word) || name.inside(word));
    if up { Role::ConvTranspose } else { Role::Conv }
}

fn projection(name: &Name<'_>, module: &str, attention: bool) -> Option<Role> {
    let feed_forward = [
        "mlp",
        "ffn",
        "feed_forward",
        "densereludense",
        "expert",
        "moe",
    ]
    .iter()
    .any(|word| name.inside(word));
    let top_level = name.parts.len() <= 2;
    Some(match module {
        "q_proj" | "wq" | "query" | "q" | "q_lin" => Role::Query,
        "k_proj" | "wk" | "key" | "k" | "k_lin" => Role::Key,
        "v_proj" | "wv" | "value" | "v" | "v_lin" => Role::Value,
        "qkv" | "c_attn" | "query_key_value" | "wqkv" | "qkv_proj" | "in_proj_weight" => Role::Qkv,
        "o_proj" | "out_lin" => Role::AttentionOut,
        "wo" if feed_forward => Role::MlpOut,
        "wo" | "o" if attention || module == "wo" => Role::AttentionOut,
        "out_proj" | "proj" | "c_proj" | "dense" if attention => Role::AttentionOut,
        "out_proj" if name.inside("mixer") => Role::ResidualOut,
        "gate_proj" | "w1" | "wi_0" | "gate_up_proj" => Role::MlpGate,
        "up_proj" | "w3" | "wi_1" | "wi" | "fc1" | "c_fc" | "fc_in" | "dense_h_to_4h"
        | "linear1" | "lin1" => Role::MlpIn,
        "down_proj" | "w2" | "fc2" | "fc_out" | "dense_4h_to_h" | "linear2" | "lin2" => {
            Role::MlpOut
        }
        "c_proj" => Role::MlpOut,
        "dense" if name.parent() == "intermediate" => Role::MlpIn,
        "dense" if name.parent() == "output" => Role::MlpOut,
        "router" => Role::Router,
        "gate" if feed_forward => Role::Router,
        "lm_head" | "classifier" | "head" | "score" | "decoder" | "embed_out" | "qa_outputs"
        | "logits" => Role::Head,
        "fc" | "output" if top_level => Role::Head,
        _ => return None,
    })
}

fn layout(name: &Name<'_>, role: Role, rank: usize, convention: Convention) -> Option<Layout> {
    if matches!(role, Role::Embedding | Role::PositionEmbedding) && rank == 2 {
        return Some(Layout::embedding());
    }
    if !role.is_matrix() || rank < 2 {
        return None;
    }
    // A stack of experts is stored either way by different models: a rule must say.
    let spatial = rank - 2;
    if name.inside("expert") && rank == 3 {
        return None;
    }
    if convention != Convention::Pytorch {
        let depthwise = name.leaf() == "depthwise_kernel" && rank >= 3;
        // [kernel..., channel, multiplier]: every channel a weight of its own.
        let letters = ["D", "H", "W"][3usize.saturating_sub(spatial)..].concat();
        return if depthwise {
            format!("{letters}EO").parse().ok()
        } else {
            Some(Layout::channels_last(spatial))
        };
    }
    let conv1d = matches!(name.module(), "c_attn" | "c_proj" | "c_fc") && name.inside_numbered("h");
    Some(match role {
        _ if rank == 2 && conv1d => Layout::io(),
        Role::ConvTranspose => Layout::conv_transpose(spatial, 1),
        _ => Layout::conv(spatial),
    })
}

impl Name<'_> {
    /// Whether some part is `container` followed by a number: `h.3`.
    fn inside_numbered(&self, container: &str) -> bool {
        self.parts
            .windows(2)
            .any(|pair| pair[0] == container && is_number(pair[1]))
    }
}

/// Sections of the output axis that are weights of their own.
fn blocks(
    name: &Name<'_>,
    text: &str,
    shape: &[usize],
    role: Role,
    layout: Option<&Layout>,
    all: All<'_>,
) -> Vec<usize> {
    let recurrent = matches!(
        role,
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias
    );
    if recurrent {
        let Some(hidden) = hidden_size(text, name.leaf(), all) else {
            return Vec::new();
        };
        let axis = layout.and_then(|l| l.axis(Axis::Out)).unwrap_or(0);
        let out = shape.get(axis).copied().unwrap_or(0);
        return equal_blocks(out, out / hidden.max(1));
    }
    let Some(layout) = layout else {
        return Vec::new();
    };
    let out = layout.size(Axis::Out, shape);
    let inputs = layout.size(Axis::In, shape);
    match role {
        // With fewer key and value heads than query heads the sizes are not told by the shape.
        Role::Qkv if inputs > 0 && out == 3 * inputs => equal_blocks(out, 3),
        Role::MlpGate if name.parts.contains(&"gate_up_proj") => equal_blocks(out, 2),
        _ => Vec::new(),
    }
}

fn equal_blocks(size: usize, count: usize) -> Vec<usize> {
    if !(2..=4).contains(&count) || !size.is_multiple_of(count) {
        Vec::new()
    } else {
        vec![size / count; count]
    }
}

/// The hidden size of a recurrent layer: the inputs of its hidden-to-hidden weight.
fn hidden_size(text: &str, leaf: &str, all: All<'_>) -> Option<usize> {
    let stem = text.strip_suffix(leaf)?;
    let suffix = leaf.split_once("h_").map_or("", |(_, suffix)| suffix);
    let pytorch = format!("{stem}weight_hh_{suffix}");
    let hidden = all
        .find(&pytorch)
        .or_else(|| all.find(&format!("{stem}weight_hh")));
    if let Some(tensor) = hidden {
        return tensor.shape.get(1).copied();
    }
    let keras = all.find(&format!("{stem}recurrent_kernel"))?;
    keras.shape.first().copied()
}

fn activation(name: &Name<'_>, role: Role) -> Option<Activation> {
    match role {
        Role::MlpGate => Some(Activation::Silu),
        // The up projection of a gated block multiplies; it is not activated.
        Role::MlpIn if matches!(name.module(), "up_proj" | "w3" | "wi_1") => None,
        Role::MlpIn => Some(Activation::Gelu),
        Role::Head => Some(Activation::Linear),
        _ => None,
    }
}

/// The part of a name up to the residual block that it lies in.
fn block_of(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split(['.', '/']).collect();
    let at = parts.iter().position(|part| is_number(part))?;
    Some(parts[..=at].join("."))
}

/// The last convolution and the last normalization of each residual unit of convolutions (`conv3`, `bn3`).
fn mark_residual_units(tensors: &mut [Tensor]) {
    let place = |name: &str, stem: &str| -> Option<(String, u32)> {
        let parts: Vec<&str> = name.split('.').collect();
        let module = parts.len().checked_sub(2)?;
        let number = parts[module].strip_prefix(stem)?.parse().ok()?;
        is_number(parts.get(module.checked_sub(1)?)?).then(|| (parts[..module].join("."), number))
    };
    let mut last: HashMap<String, u32> = HashMap::new();
    for tensor in tensors.iter().filter(|tensor| tensor.role == Role::Conv) {
        if let Some((unit, number)) = place(&tensor.name, "conv") {
            let last = last.entry(unit).or_default();
            *last = number.max(*last);
        }
    }
    last.retain(|_, &mut number| number > 1);
    for tensor in tensors {
        let stem = if tensor.role == Role::Conv {
            "conv"
        } else {
            "bn"
        };
        let Some((unit, number)) = place(&tensor.name, stem) else {
            continue;
        };
        match (tensor.role, last.get(&unit) == Some(&number)) {
            (Role::Conv, true) => tensor.role = Role::ResidualOut,
            (Role::Conv, false) if last.contains_key(&unit) => {
                tensor.activation = Some(Activation::Relu);
            }
            (Role::NormWeight, true) => tensor.role = Role::LastNormWeight,
            _ => {}
        }
    }
}

/// Numbers the residual blocks in natural order and tells each tensor its own; the count, if there are any.
fn number_blocks(tensors: &mut [Tensor]) -> Option<usize> {
    let ends = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
    let mut blocks: Vec<String> = tensors
        .iter()
        .filter(|tensor| ends.contains(&tensor.role))
        .filter_map(|tensor| block_of(&tensor.name))
        .collect();
    blocks.sort_by_key(|block| natural(block));
    blocks.dedup();
    let places: HashMap<&str, usize> = blocks
        .iter()
        .enumerate()
        .map(|(place, block)| (block.as_str(), place))
        .collect();
    for tensor in tensors {
        tensor.depth = block_of(&tensor.name).and_then(|block| places.get(&*block).copied());
    }
    (!blocks.is_empty()).then_some(blocks.len())
}

/// A sort key in which `layers.2` comes before `layers.10`.
fn natural(name: &str) -> Vec<(u64, String)> {
    name.split('.')
        .map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned()))
        .collect()
}

/// `[C, 1, kernel...]` is a depthwise convolution when the weight before it in its own module list gives C channels: the
/// first convolution of a model of one-channel images has the same shape and is none.
fn mark_depthwise(tensors: &mut [Tensor]) {
    let mut before = None;
    for tensor in tensors {
        let channels = match tensor.role {
            Role::Conv | Role::ResidualOut | Role::PatchEmbedding => tensor.shape.first().copied(),
            _ => None,
        };
        let named = ["dw", "depthwise"]
            .iter()
            .any(|word| tensor.name.contains(word));
        let single = tensor.shape.len() > 2 && tensor.shape[1] == 1 && tensor.shape[0] > 1;
        if tensor.role == Role::Conv && single && (named || before == Some(tensor.shape[0])) {
            let groups = tensor.shape[0];
            if let Some(layout) = tensor.layout.take_if(|l| l.axis(Axis::Out) == Some(0)) {
                tensor.layout = Some(layout.grouped(groups));
            }
        }
        before = channels.or(before);
    }
}

/// Tells each bias the fan_in of its weight.
fn join_biases(tensors: &mut [Tensor], by_name: &[usize]) {
    for place in 0..tensors.len() {
        let fan_in = bias_fan_in(&tensors[place], All::new(tensors, by_name));
        tensors[place].bias_fan_in = fan_in;
    }
}

fn bias_fan_in(tensor: &Tensor, all: All<'_>) -> Option<BiasFanIn> {
    let text = own_name(tensor);
    match tensor.role {
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias => {
            let hidden = hidden_size(text, Name::new(text).leaf(), all)?;
            Some(BiasFanIn::of(hidden as f64))
        }
        Role::Bias => {
            let stem = text.strip_suffix("bias")?;
            ["weight", "kernel"].iter().find_map(|leaf| {
                let weight = all.find(&format!("{stem}{leaf}"))?;
                let layout = weight.layout.as_ref()?;
                let fan_in = |rule| Some(layout.fans_by(rule, &weight.shape).ok()?.fan_in);
                Some(BiasFanIn {
                    exact: fan_in(FanRule::Exact)?,
                    pytorch: fan_in(FanRule::Pytorch)?,
                })
            })
        }
        _ => None,
    }
}

/// The width of the residual stream: the embedding's, or the most common size of a normalization.
fn width(tensors: &[Tensor]) -> Option<usize> {
    let embedding = tensors
        .iter()
        .filter(|tensor| tensor.role == Role::Embedding)
        .find_map(|tensor| tensor.shape.get(1).copied());
    embedding.or_else(|| {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for tensor in tensors
            .iter()
            .filter(|tensor| tensor.role == Role::NormWeight)
        {
            *counts
                .entry(tensor.shape.first().copied().unwrap_or(1))
                .or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|&(size, count)| (count, size))
            .map(|(size, _)| size)
    })
}
