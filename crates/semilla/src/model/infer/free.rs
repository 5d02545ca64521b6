//! Parameters that have a name of their own instead of `weight` or `bias`.

use super::index::All;
use super::vectors::{is_norm, is_rectifier};
use crate::model::names::{Name, directions_of, is_number};
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
        .or_else(|| scale(name, leaf, shape, text, all))
        .or_else(|| pair(name, shape, text, all))
        .or_else(|| weight_gain(text, all))
        .or_else(|| of_heads(name, shape, text, all))
        .or_else(|| position(name, kind).filter(|_| !is_plain(kind)))
        .or_else(|| token(name, kind).filter(|_| !is_plain(kind)))
        .or_else(|| bias(leaf, shape, text, all))
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
        // Zamba's heads have a map to time steps each.
        "dt_bias" | "dt_proj_bias" => Role::TimeStepBias,
        "bias" if name.module() == "dt_proj" => Role::TimeStepBias,
        _ => return None,
    })
}

/// Scales of branches, of logits and of anything else.
fn scale(name: &Name<'_>, leaf: &str, shape: &[usize], text: &str, all: All<'_>) -> Option<Role> {
    let in_layer_scale = name.inside("ls1") || name.inside("ls2") || name.inside("layer_scale");
    // A vector, or one with further axes of size 1.
    let is_line = shape.iter().filter(|&&size| size != 1).count() < 2;
    Some(match leaf {
        "gamma" | "scale" if in_layer_scale => Role::BranchScale,
        // Keras numbers them.
        _ if in_layer_scale && leaf.starts_with("variable") => Role::BranchScale,
        // SnakeBeta's, the logarithms of its frequency and of its scale.
        "alpha" | "beta" if is_snake(name, leaf, shape, text, all) => Role::Multiplier,
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
        // Grounding DINO's scales of what text and image tell each other.
        "vision_param" | "text_param" => Role::BranchScale,
        "gate_attn" | "gate_ffn" => Role::BranchScale,
        "gate" if is_single(shape) || name.inside("residual_gate") => Role::BranchScale,
        "high_res_vision_alpha" => Role::BranchScale,
        // The ConvNeXt blocks of SAM 2's memory.
        "scale" if name.inside("memory_fuser") => Role::BranchScale,
        "scale" if name.inside("res_scale") || name.module() == "router" => Role::Multiplier,
        "layer_scalar"
        | "temperature"
        | "per_expert_scale"
        | "global_scale"
        | "per_dim_scale"
        | "residual_scale"
        | "router_states_scale"
        | "gru_rel_pos_const"
        | "layer_weights"
        | "gating_param"
        | "scaling"
        | "correct_output_scale"
        | "input_residual"
        | "post_attention_residual" => Role::Multiplier,
        "gain" if shape.len() > 1 && is_line => Role::Multiplier,
        // A sum's share of positions, and the score of what matches nothing (SuperGlue).
        "alpha" if is_single(shape) && name.module().contains("position") => Role::Multiplier,
        "bin_score" if is_single(shape) => Role::Multiplier,
        // SSD's, of the first map of features.
        "scale_weight" if name.module() == "backbone" => Role::Multiplier,
        // The mask that Doge makes of its values, by a map and a factor.
        "A" if is_line && all.beside(text, "dt_proj.weight").is_some() => Role::Multiplier,
        "alpha" if name.inside("snake") && shape.len() > 2 && is_line => Role::Multiplier,
        "alpha" if is_norm(name) && is_line => Role::NormWeight,
        "beta" if is_norm(name) && is_line => Role::NormBias,
        "sinks" => Role::Sink,
        _ if leaf.contains("logit_scale") => Role::LogitScale,
        _ => return None,
    })
}

/// Factors and shifts that have no normalization's name, by each other: of a layer that does nothing
/// but scale and shift (ResMLP's, StarReLU's, PP-HGNet's), and of a value that both are named for.
fn pair(name: &Name<'_>, shape: &[usize], text: &str, all: All<'_>) -> Option<Role> {
    let leaf = name.leaf();
    let has = |other: &str| {
        all.beside(text, other)
            .is_some_and(|own| own.shape == shape)
    };
    let is_line = shape.iter().filter(|&&size| size != 1).count() < 2;
    let of_value = |own: &str, other: &str| {
        let stem = leaf.strip_suffix(own).filter(|stem| !stem.is_empty());
        stem.is_some_and(|stem| has(&format!("{stem}{other}")))
    };
    // Hyper-connections: a map with a factor for each of its parts, and a shift.
    let connects = |leaf: &str| {
        let stem = leaf.strip_prefix("hc_").map_or("", |_| "hc_");
        let parts = ["fn", "base", "scale"].map(|part| format!("{stem}{part}"));
        parts
            .iter()
            .all(|part| part == leaf || all.beside(text, part).is_some())
    };
    Some(match leaf {
        "fn" | "hc_fn" if shape.len() == 2 && connects(leaf) => Role::Linear,
        "base" | "hc_base" if connects(leaf) => Role::Bias,
        "scale" | "hc_scale" if connects(leaf) => Role::Multiplier,
        // xIELU's squares on both sides.
        "alpha_p" if has("alpha_n") => Role::Multiplier,
        "alpha_n" if has("alpha_p") => Role::Multiplier,
        // Scores that grow with the logarithm of the position.
        "scale" if name.module() == "softmax_scaling" && has("bias") => Role::Multiplier,
        "bias" if name.module() == "softmax_scaling" && has("scale") => Role::Multiplier,
        // What EvoNorm and filter response normalization have besides: a slope within a sigmoid, a
        // threshold.
        "v" if is_line && is_norm(name) && has("weight") && has("bias") => Role::Multiplier,
        "tau" if is_line && is_norm(name) && has("weight") && has("bias") => Role::Bias,
        _ if !is_line || is_norm(name) => return None,
        "scale" if is_single(shape) && has("bias") => Role::Multiplier,
        "bias" if is_single(shape) && has("scale") => Role::Bias,
        "translate" if has("log_scale") => Role::Bias,
        "log_scale" if has("translate") => Role::Multiplier,
        "b1" | "b2" if name.inside("glu") => Role::Bias,
        "bias" if shape.len() == 2 && shape[1] == 1 => Role::Bias,
        "alpha" if has("beta") => Role::Multiplier,
        "beta" if has("alpha") => Role::Bias,
        _ if of_value("_scale", "_bias") => Role::Multiplier,
        _ if of_value("_bias", "_scale") => Role::Bias,
        _ if of_value("_scaling_factor", "_bias_factor") => Role::Multiplier,
        _ if of_value("_bias_factor", "_scaling_factor") => Role::Bias,
        _ => return None,
    })
}

/// Whether an activation's `alpha` and `beta` are beside each other.
fn is_snake(name: &Name<'_>, leaf: &str, shape: &[usize], text: &str, all: All<'_>) -> bool {
    let other = if leaf == "alpha" { "beta" } else { "alpha" };
    let has_other = all
        .beside(text, other)
        .is_some_and(|own| own.shape == shape);
    shape.len() == 1 && has_other && (is_rectifier(name) || name.inside("snake"))
}

fn is_single(shape: &[usize]) -> bool {
    shape.iter().all(|&size| size == 1)
}

/// The norms beside a weight-normalized layer's directions.
fn weight_gain(text: &str, all: All<'_>) -> Option<Role> {
    all.find(&directions_of(text)?).map(|_| Role::WeightGain)
}

/// Attention's projections with an axis of heads, of Transformer-XL and what is made of it: what is
/// added to queries lies beside them, `[heads, size]`.
fn of_heads(name: &Name<'_>, shape: &[usize], text: &str, all: All<'_>) -> Option<Role> {
    let added = all.beside(text, "r_w_bias")?;
    if shape.len() != 3 || !shape.ends_with(&added.shape) {
        return None;
    }
    Some(match name.leaf() {
        "q" => Role::Query,
        "k" => Role::Key,
        "v" => Role::Value,
        "o" => Role::AttentionOut,
        // Of positions.
        "r" | "r_kernel" => Role::Linear,
        _ => return None,
    })
}

/// Tables and grids of positions, absolute or relative.
fn position(name: &Name<'_>, kind: &str) -> Option<Role> {
    // Reformer's two tables, whose rows are joined.
    if name.module() == "weights" && is_number(name.leaf()) && name.parent().contains("position") {
        return Some(Role::PositionEmbedding);
    }
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
        "attention_biases" | "height_rel" | "width_rel" | "relative_attention_bias" | "rpb"
    );
    let is_place = matches!(
        kind,
        "class_pos" | "spatial_pos" | "temporal_pos" | "patch_pos" | "pixel_pos" | "position_bias"
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
        "_embedding_parameter",
        "_prompt",
        "_extensor",
    ];
    let starts = [
        "segment_token",
        "type_token",
        "latents_",
        "lambda_q",
        "lambda_k",
    ];
    let is_named = ends.iter().any(|end| kind.ends_with(end))
        || starts.iter().any(|start| name.leaf().starts_with(start));
    let is_free = matches!(
        kind,
        "latent"
            | "latents"
            | "latent_query"
            | "query"
            | "query_tokens"
            | "probe"
            | "image_newline"
            | "view_seperator"
            | "view_separator"
            | "image_sep"
            | "image_begin"
            | "image_end"
            | "no_object_pointer"
            | "bos_latent"
            | "pooling_attention_query"
            | "codevectors"
            | "label_embeddings_concat"
            // Prompts around a picture.
            | "pad_up"
            | "pad_down"
            | "pad_left"
            | "pad_right"
    );
    let by_quantizer = name.inside("codebook") || name.inside("quantiz");
    ((is_named && !by_quantizer) || is_free).then_some(Role::Token)
}

/// Whether a layer scores the classes of a detector, which has a layer for boxes beside it. Where scores
/// are compared (softmax), one value for all of them changes nothing.
fn is_of_classes(text: &str, all: All<'_>) -> bool {
    let Some(module) = text.strip_suffix(".bias") else {
        return false;
    };
    // A layer for each decoder block is called after its container.
    let module = module.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let starts = ["class_embed", "score_head"].map(|scores| module.strip_suffix(scores));
    let has_boxes = |start: &str| all.under(&format!("{start}bbox")).next().is_some();
    starts.into_iter().flatten().any(has_boxes)
        || module.ends_with("classification_head.cls_logits")
}

/// Biases that are no vectors, and a detector's.
fn bias(leaf: &str, shape: &[usize], text: &str, all: All<'_>) -> Option<Role> {
    if leaf == "bias" {
        return is_of_classes(text, all).then_some(Role::PriorBias);
    }
    // A stack of experts' biases, by the name of their weights.
    let weight = leaf.strip_suffix("_bias");
    let beside = |weight: &str| {
        let matrix = || all.beside(text, &format!("{weight}_weight"));
        all.beside(text, weight).or_else(matrix).is_some()
    };
    let is_stack = weight.is_some_and(beside);
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

#[cfg(test)]
mod tests {
    use crate::DType;
    use crate::model::{Convention, Model, Role};

    fn roles<const N: usize>(tensors: [(&str, &[usize]); N]) -> [Role; N] {
        let tensors = tensors.map(|(name, shape)| (name.to_owned(), shape.to_vec(), DType::F32));
        let model = Model::infer(tensors, Convention::Pytorch);
        std::array::from_fn(|place| model.tensors[place].role)
    }

    #[test]
    fn layers_that_steer_start_as_their_bias() {
        let found = roles([
            ("layers.0.attn.sampling_offsets.weight", &[256, 64]),
            ("layers.0.attn.sampling_offsets.bias", &[256]),
            ("layers.0.attn.attention_weights.weight", &[128, 64]),
            ("layers.0.attn.attention_weights.bias", &[128]),
            ("layers.0.attn.value_proj.weight", &[64, 64]),
            ("mlstm.igate_preact.weight", &[4, 64]),
            ("mlstm.igate_preact.bias", &[4]),
            ("other.attention_weights.weight", &[8, 64]),
        ]);
        let expected = [
            Role::Steering,
            Role::Computed,
            Role::Steering,
            Role::Bias,
            Role::Linear,
            Role::Steering,
            Role::Bias,
            Role::Linear,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn objects_are_rare_where_boxes_are_found_too() {
        let found = roles([
            ("class_embed.0.weight", &[91, 64]),
            ("class_embed.0.bias", &[91]),
            ("bbox_embed.0.layers.0.weight", &[64, 64]),
            ("model.enc_score_head.weight", &[91, 64]),
            ("model.enc_score_head.bias", &[91]),
            ("model.enc_bbox_head.layers.0.weight", &[64, 64]),
            ("unet.class_embed.weight", &[64, 10]),
            ("unet.class_embed.bias", &[64]),
        ]);
        let biases = [found[1], found[4], found[7]];
        assert_eq!(biases, [Role::PriorBias, Role::PriorBias, Role::Bias]);
    }

    #[test]
    fn factors_and_shifts_by_each_other() {
        let star = [("mlp.act.scale", &[1][..]), ("mlp.act.bias", &[1])];
        assert_eq!(roles(star), [Role::Multiplier, Role::Bias]);
        let affine = [
            ("affine.alpha", &[1, 1, 8][..]),
            ("affine.beta", &[1, 1, 8]),
        ];
        assert_eq!(roles(affine), [Role::Multiplier, Role::Bias]);
        let value = [
            ("x.hidden_states_scale", &[8][..]),
            ("x.hidden_states_bias", &[8]),
        ];
        assert_eq!(roles(value), [Role::Multiplier, Role::Bias]);
        let evolved = [
            ("bn1.weight", &[8][..]),
            ("bn1.bias", &[8]),
            ("bn1.v", &[8]),
        ];
        let expected = [Role::NormWeight, Role::NormBias, Role::Multiplier];
        assert_eq!(roles(evolved), expected);
        let snake = [("block.act1.alpha", &[8][..]), ("block.act1.beta", &[8])];
        assert_eq!(roles(snake), [Role::Multiplier; 2]);
        let connections = [
            ("attn_hc.fn", &[24, 64][..]),
            ("attn_hc.base", &[24]),
            ("attn_hc.scale", &[3]),
        ];
        let expected = [Role::Linear, Role::Bias, Role::Multiplier];
        assert_eq!(roles(connections), expected);
        // A normalization of one channel is one.
        let norm = [("norm.scale", &[1][..]), ("norm.bias", &[1])];
        assert_eq!(roles(norm), [Role::NormWeight, Role::NormBias]);
        // Alone, nothing tells what they are.
        assert_eq!(roles([("x.alpha", &[8])]), [Role::Unknown]);
        assert_eq!(roles([("x.hidden_states_scale", &[8])]), [Role::Unknown]);
        assert_eq!(roles([("x.v", &[8])]), [Role::Unknown]);
    }

    #[test]
    fn heads_stacks_and_projections() {
        let model = |tensors: &[(&str, &[usize])]| {
            let owned = tensors.iter();
            let owned = owned.map(|&(name, shape)| (name.to_owned(), shape.to_vec(), DType::F32));
            Model::infer(owned, Convention::Pytorch)
        };
        let read = |tensors: &[(&str, &[usize])]| -> Vec<(Role, String)> {
            let layout = |tensor: &crate::Tensor| {
                tensor
                    .layout
                    .as_ref()
                    .map_or(String::new(), ToString::to_string)
            };
            let tensors = model(tensors).tensors;
            tensors.iter().map(|own| (own.role, layout(own))).collect()
        };
        let is = |role: Role, layout: &str| (role, layout.to_owned());
        // Transformer-XL's, by what is added to queries.
        let xlnet = read(&[
            ("layer.0.rel_attn.q", &[24, 2, 8]),
            ("layer.0.rel_attn.o", &[24, 2, 8]),
            ("layer.0.rel_attn.r", &[24, 2, 8]),
            ("layer.0.rel_attn.r_w_bias", &[2, 8]),
        ]);
        let expected = [
            is(Role::Query, "IOO"),
            is(Role::AttentionOut, "OII"),
            is(Role::Linear, "IOO"),
        ];
        assert_eq!(xlnet[..3], expected);
        // Stacks by their biases, of Griffin's gates and of Zamba's heads.
        let stacks = read(&[
            ("rg_lru.input_gate_weight", &[4, 32, 24]),
            ("rg_lru.input_gate_bias", &[4, 24]),
            ("mamba.dt_proj_weight", &[2, 48, 20]),
            ("mamba.dt_proj_bias", &[2, 48]),
            ("mamba.x_proj_weight", &[2, 40, 48]),
        ]);
        let expected = [
            is(Role::Linear, "EIO"),
            is(Role::Bias, ""),
            is(Role::Linear, "EOI"),
            is(Role::TimeStepBias, ""),
            is(Role::Linear, "EOI"),
        ];
        assert_eq!(stacks, expected);
        // JetMoE's experts, by the width of their router.
        let experts = read(&[
            ("layers.0.mlp.input_linear.weight", &[4, 96, 32]),
            ("layers.0.mlp.output_linear.weight", &[4, 32, 48]),
            ("layers.0.mlp.router.layer.weight", &[4, 32]),
        ]);
        let expected = [is(Role::MlpGate, "EOI"), is(Role::MlpOut, "EOI")];
        assert_eq!(experts[..2], expected);
        let projection = [("text_projection", &[16, 24][..])];
        assert_eq!(read(&projection), [is(Role::Linear, "IO")]);
        assert!(model(&projection).tensors[0].ground.is_some());
        // Alone, nothing tells what they are.
        let alone = [
            ("attention.q", &[24, 2, 8][..]),
            ("gate_weight", &[4, 32, 24]),
        ];
        assert!(
            model(&alone)
                .tensors
                .iter()
                .all(|own| own.role == Role::Unknown)
        );
    }

    #[test]
    fn gates_and_prompts() {
        let free = [
            ("layers.0.gate_attn", &[1][..]),
            ("embedding.gate", &[1]),
            ("projector.query", &[1, 3, 8]),
            ("prompt.pad_up", &[1, 3, 2, 8]),
            ("layers.0.attn.rpb", &[2, 5, 5]),
        ];
        let expected = [
            Role::BranchScale,
            Role::BranchScale,
            Role::Token,
            Role::Token,
            Role::PositionEmbedding,
        ];
        assert_eq!(roles(free), expected);
        assert_eq!(roles([("router.gate", &[8])]), [Role::Unknown]);
        let residual = [("layers.0.post_attention_residual_gate.gate", &[8][..])];
        assert_eq!(roles(residual), [Role::BranchScale]);
        assert_eq!(roles([("attn.lambda_q1", &[8])]), [Role::Token]);
        assert_eq!(roles([("model.bos_latent", &[8])]), [Role::Token]);
    }
}
