//! Parameters that have a name of their own instead of `weight` or `bias`.

use super::index::All;
use super::vectors::{is_norm, is_rectifier};
use crate::model::names::{Name, directions_of};
use crate::model::role::Role;

pub(super) fn free_parameter(
    name: &Name<'_>,
    shape: &[usize],
    text: &str,
    all: All<'_>,
) -> Option<Role> {
    let leaf = name.leaf();
    // The numbers of `cls_token_0`, `pos_embed2`.
    let kind = leaf.trim_end_matches(|c: char| c.is_ascii_digit());
    let kind = kind.trim_end_matches('_');
    state_space(name)
        .or_else(|| scale(name, leaf, shape))
        .or_else(|| weight_gain(text, all))
        .or_else(|| position(name, kind).filter(|_| !is_plain(kind)))
        .or_else(|| token(name, kind).filter(|_| !is_plain(kind)))
        .or_else(|| bias(name, leaf, shape, text, all))
}

/// Whether a leaf is a table's or a module's own, and no parameter's name.
fn is_plain(leaf: &str) -> bool {
    matches!(
        leaf,
        "weight" | "bias" | "kernel" | "embedding" | "embeddings"
    )
}

fn state_space(name: &Name<'_>) -> Option<Role> {
    Some(match name.leaf() {
        "A_log" => Role::StateMatrix,
        "D" => Role::StateSkip,
        "dt_bias" => Role::TimeStepBias,
        "bias" if name.module() == "dt_proj" => Role::TimeStepBias,
        _ => return None,
    })
}

/// Scales of branches, of logits and of anything else.
fn scale(name: &Name<'_>, leaf: &str, shape: &[usize]) -> Option<Role> {
    let in_layer_scale = name.inside("ls1") || name.inside("ls2") || name.inside("layer_scale");
    // A vector, or one with further axes of size 1.
    let is_line = shape.iter().filter(|&&size| size != 1).count() < 2;
    Some(match leaf {
        "gamma" | "scale" if in_layer_scale => Role::BranchScale,
        // Keras numbers them.
        _ if in_layer_scale && leaf.starts_with("variable") => Role::BranchScale,
        "alpha" if is_rectifier(name) && !name.inside("snake") => Role::Slope,
        "gamma" if shape.len() > 2 && is_line => Role::BranchScale,
        "gamma1"
        | "gamma2"
        | "gamma3"
        | "gamma_1"
        | "gamma_2"
        | "gamma_3"
        | "gamma_xca"
        | "ffn_gamma"
        | "lambda1"
        | "lambda_1"
        | "lambda_2"
        | "ls1"
        | "ls2"
        | "layer_scale"
        | "layer_scale_1"
        | "layer_scale_2"
        | "layer_scale_parameter" => Role::BranchScale,
        "resweight" | "skip_gain" | "skipinit_gain" => Role::BranchScale,
        // Gates of cross-attention that start closed: Flamingo's.
        "alpha_cross_attn"
        | "alpha_dense"
        | "cross_attn_attn_gate"
        | "cross_attn_mlp_gate"
        | "gate_attention"
        | "gate_ffw" => Role::BranchScale,
        "scale" if name.inside("res_scale") => Role::Multiplier,
        "layer_scalar" | "temperature" => Role::Multiplier,
        "gain" if shape.len() > 1 && is_line => Role::Multiplier,
        "alpha" if name.inside("snake") && shape.len() > 2 && is_line => Role::Multiplier,
        "alpha" if is_norm(name) && is_line => Role::NormWeight,
        "beta" if is_norm(name) && is_line => Role::NormBias,
        "sinks" => Role::Sink,
        _ if leaf.contains("logit_scale") => Role::LogitScale,
        _ => return None,
    })
}

/// The norms beside a weight-normalized layer's directions.
fn weight_gain(text: &str, all: All<'_>) -> Option<Role> {
    all.find(&directions_of(text)?).map(|_| Role::WeightGain)
}

/// Tables and grids of positions, absolute or relative.
fn position(name: &Name<'_>, kind: &str) -> Option<Role> {
    let words = [
        "pos_emb",
        "position_emb",
        "positional_emb",
        "positional_encoding",
        "position_enc",
        "relative_position_bias_table",
        "rel_pos",
        "emb_rel",
    ];
    let is_relative = matches!(
        kind,
        "attention_biases" | "height_rel" | "width_rel" | "relative_attention_bias"
    );
    let is_place = matches!(
        kind,
        "class_pos" | "spatial_pos" | "temporal_pos" | "patch_pos" | "pixel_pos"
    );
    let is_named = words.iter().any(|word| kind.contains(word));
    let is_projection = kind.contains("proj") || name.inside("rel_logits");
    let is_position = is_relative || is_place || is_named;
    (is_position && !is_projection).then_some(Role::PositionEmbedding)
}

/// Tokens that are learned as they are, and others that stand for something missing.
fn token(name: &Name<'_>, kind: &str) -> Option<Role> {
    let ends = [
        "_token",
        "_tokens",
        "_emb",
        "_embed",
        "_embeds",
        "_embedding",
        "_embeddings",
    ];
    let is_named = ends.iter().any(|end| kind.ends_with(end)) || kind.starts_with("segment_token");
    let is_free = matches!(
        kind,
        "latent"
            | "latents"
            | "latent_query"
            | "query_tokens"
            | "probe"
            | "image_newline"
            | "view_seperator"
            | "view_separator"
            | "image_sep"
            | "image_begin"
            | "image_end"
            | "no_object_pointer"
    );
    let by_quantizer = name.inside("codebook") || name.inside("quantiz");
    ((is_named && !by_quantizer) || is_free).then_some(Role::Token)
}

/// Biases that are no vectors, and a detector's.
fn bias(name: &Name<'_>, leaf: &str, shape: &[usize], text: &str, all: All<'_>) -> Option<Role> {
    if leaf == "bias" {
        let in_detector = name.module() == "cls_logits" && name.parent() == "classification_head";
        return in_detector.then_some(Role::PriorBias);
    }
    // A stack of experts' biases, by the name of their weights.
    let weight = leaf.strip_suffix("_bias");
    let is_stack = weight.is_some_and(|weight| all.beside(text, weight).is_some());
    let by_head = matches!(
        leaf,
        "bias_u" | "bias_v" | "pos_bias_u" | "pos_bias_v" | "r_r_bias" | "r_s_bias" | "r_w_bias"
    );
    let corrects = leaf == "e_score_correction_bias"
        || leaf.ends_with("logit_bias")
        || leaf == "final_logits_bias";
    let is_bias = by_head || corrects || (is_stack && shape.len() > 1);
    is_bias.then_some(Role::Bias)
}
