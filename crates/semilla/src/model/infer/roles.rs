//! Roles read off names: the tables of PyTorch's layers, transformers, timm, torchvision, Meta's
//! Llama, Keras and Flax.

use super::index::All;
use crate::activation::Activation;
use crate::dtype::DType;
use crate::model::names::Name;
use crate::model::role::Role;

pub(super) fn role(
    name: &Name<'_>,
    shape: &[usize],
    dtype: DType,
    all: All<'_>,
    text: &str,
) -> Role {
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

pub(super) fn activation(name: &Name<'_>, role: Role) -> Option<Activation> {
    match role {
        Role::MlpGate => Some(Activation::Silu),
        // The up projection of a gated block multiplies; it is not activated.
        Role::MlpIn if matches!(name.module(), "up_proj" | "w3" | "wi_1") => None,
        Role::MlpIn => Some(Activation::Gelu),
        Role::Head => Some(Activation::Linear),
        _ => None,
    }
}
