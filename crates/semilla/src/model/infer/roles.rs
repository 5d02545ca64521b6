//! Roles read off names and shapes: the tables of PyTorch's layers, transformers, timm,
//! torchvision, Meta's Llama, Keras and Flax. A name that none of them uses is unknown.

use super::index::All;
use super::projections::matrix;
use super::reading::{Reading, known};
use super::vectors::{is_norm, is_response_norm, vector};
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
        .or_else(|| free_parameter(&name));
    if let Some(role) = own {
        return known(role);
    }
    let is_bias_of_heads = name.leaf() == "bias" && all.beside(text, "kernel").is_some();
    if shape.len() < 2 || is_bias_of_heads || is_response_norm(&name) {
        vector(&name, shape, all, whole, text)
    } else {
        matrix(&name, shape, all, whole, text)
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

/// Parameters that have a name of their own instead of `weight` or `bias`.
fn free_parameter(name: &Name<'_>) -> Option<Role> {
    let scale = name.inside("ls1") || name.inside("ls2") || name.inside("layer_scale");
    let in_detector = name.module() == "cls_logits" && name.parent() == "classification_head";
    Some(match name.leaf() {
        "A_log" => Role::StateMatrix,
        "D" => Role::StateSkip,
        "dt_bias" => Role::TimeStepBias,
        "bias" if name.module() == "dt_proj" => Role::TimeStepBias,
        "bias" if in_detector => Role::PriorBias,
        "gamma" if scale => Role::BranchScale,
        "gamma_1"
        | "gamma_2"
        | "lambda1"
        | "lambda_1"
        | "lambda_2"
        | "resweight"
        | "skip_gain"
        | "layer_scale"
        | "layer_scale_1"
        | "layer_scale_2"
        | "layer_scale_parameter" => Role::BranchScale,
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
