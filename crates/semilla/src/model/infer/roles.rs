//! Roles read off names and shapes: the tables of PyTorch's layers, transformers, timm,
//! torchvision, Meta's Llama, Keras and Flax. A name that none of them uses is unknown.

use super::free::free_parameter;
use super::index::All;
use super::projections::matrix;
use super::reading::{Reading, known};
use super::vectors::{is_norm, is_response_norm, is_wide_norm, vector};
use super::whole::Whole;
use crate::dtype::DType;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

pub(super) fn role(tensor: &Tensor, text: &str, all: All<'_>, whole: &Whole<'_>) -> Reading {
    let name = Name::new(text);
    let shape = &tensor.shape[..];
    if let Some(role) = buffer(&name, tensor.dtype) {
        return known(role);
    }
    if !tensor.dtype.is_float() {
        return known(Role::Unknown);
    }
    let own = recurrent(&name, text, all)
        .or_else(|| adapter(&name, shape.len()))
        .or_else(|| free_parameter(&name, shape, text, all));
    if let Some(role) = own {
        return known(role);
    }
    if let Some(plain) = as_plain_weight(text, shape, all) {
        return matrix(&Name::new(&plain), shape, all, whole, &plain);
    }
    let is_bias_of_heads = name.leaf() == "bias" && all.beside(text, "kernel").is_some();
    let is_line = shape.len() < 2 || is_bias_of_heads || is_response_norm(&name);
    if is_line || is_wide_norm(&name, shape, all, text) {
        vector(&name, shape, all, whole, text)
    } else {
        matrix(&name, shape, all, whole, text)
    }
}

/// The name that a weight would have if it were stored plainly: of a weight-normalized layer's
/// directions, with their norms beside them, and of a weight whose spectral norm is limited.
fn as_plain_weight(text: &str, shape: &[usize], all: All<'_>) -> Option<String> {
    let pairs = [
        (
            "parametrizations.weight.original1",
            "parametrizations.weight.original0",
        ),
        ("weight_v", "weight_g"),
        (
            "parametrizations.weight.original",
            "parametrizations.weight.0._u",
        ),
        ("weight_orig", "weight_u"),
    ];
    pairs.iter().find_map(|(stored, beside)| {
        let module = text.strip_suffix(stored)?;
        all.find(&format!("{module}{beside}"))?;
        (shape.len() > 1).then(|| format!("{module}weight"))
    })
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
        leaf if is_computed(leaf, name, dtype) => Role::Computed,
        _ => return None,
    })
}

/// Whether the model's own code computes the tensor.
fn is_computed(leaf: &str, name: &Name<'_>, dtype: DType) -> bool {
    if !dtype.is_float() {
        let words = ["index", "idx", "indices", "ids", "mask", "coords", "order"];
        // GPT-2's causal masks.
        let is_mask = dtype == DType::Bool || (leaf == "bias" && name.inside("attn"));
        return is_mask || words.iter().any(|word| leaf.contains(word));
    }
    let by_quantizer = [
        "cluster_size",
        "cluster_usage",
        "embed",
        "embed_avg",
        "embed_sum",
        "inited",
        "initialized",
    ];
    match leaf {
        // The directions in which a deformable attention's heads look.
        "bias" if name.module() == "sampling_offsets" => true,
        "relative_coords_table" | "num_points_scale" | "n_points_scale" | "empty_weight" => true,
        // Of shifted windows and of decoders.
        "attn_mask" | "attention_mask" | "causal_mask" => true,
        "input_min" | "input_max" | "output_min" | "output_max" => true,
        // Of models with several rotary embeddings, and what exporters lift out of formulas.
        "embed_scale" => true,
        leaf if leaf.ends_with("_inv_freq") || leaf.starts_with("lifted_tensor_") => true,
        _ => name.inside("codebook") && by_quantizer.contains(&leaf),
    }
}

fn recurrent(name: &Name<'_>, text: &str, all: All<'_>) -> Option<Role> {
    let leaf = name.leaf();
    let in_keras_cell = || all.beside(text, "recurrent_kernel").is_some();
    if leaf.starts_with("weight_ih") {
        Some(Role::RecurrentInput)
    } else if leaf.starts_with("weight_hh") || leaf == "recurrent_kernel" {
        Some(Role::RecurrentHidden)
    } else if leaf.starts_with("bias_ih") || leaf.starts_with("bias_hh") {
        Some(Role::RecurrentBias)
    } else {
        match leaf {
            "kernel" if in_keras_cell() => Some(Role::RecurrentInput),
            "bias" if in_keras_cell() => Some(Role::RecurrentBias),
            _ => None,
        }
    }
}

/// The factors of low-rank adapters, as peft names them: `lora_A.weight`, `lora_B.default.weight`.
fn adapter(name: &Name<'_>, rank: usize) -> Option<Role> {
    let has = |part: &str| name.parts.contains(&part);
    match (has("lora_A"), has("lora_B")) {
        (true, false) if rank > 1 => Some(Role::AdapterIn),
        (false, true) if rank > 1 => Some(Role::AdapterOut),
        _ => None,
    }
}
