//! Roles of weights of two and more axes: projections, convolutions, tables.

use super::index::{All, own_name, stem};
use super::layouts::{biases_of_stack, dense, is_bare_projection, is_stack};
use super::outputs::{Outputs, by_bias, by_next_norm};
use super::reading::{Reading, known};
use super::whole::Whole;
use crate::model::convention::Convention;
use crate::model::names::{Name, exponential_gate, is_in_block, is_number};
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// More modules than a feed-forward block has in its container.
const SEQUENCE: usize = 64;

pub(super) fn matrix(
    name: &Name<'_>,
    shape: &[usize],
    all: All<'_>,
    whole: &Whole<'_>,
    text: &str,
) -> Reading {
    let (leaf, rank) = (name.leaf(), shape.len());
    let is_named = matches!(
        leaf,
        "weight"
            | "kernel"
            | "w"
            | "embedding"
            | "embeddings"
            | "depthwise_kernel"
            | "pointwise_kernel"
    ) || leaf.ends_with("_proj")
        || leaf.ends_with("_proj_weight")
        || (rank == 2 && is_bare_projection(name));
    if biases_of_stack(text, shape, all).is_some() {
        return known(Role::Linear);
    }
    if !is_named {
        return known(Role::Unknown);
    }
    let own = own_module(name).to_ascii_lowercase();
    if rank == 2
        && let Some(table) = table(name, &own, all, text)
    {
        return table;
    }
    let is_patches =
        name.inside("patch_embed") || (own == "conv_proj" && rank > 3) || name.inside("x_embedder");
    // Flax's ViT.
    let is_patches = is_patches || (own == "embedding" && leaf == "kernel" && rank > 3);
    // Kernels of a stem that overlap are ordinary convolutions, and so are those of size 1.
    let kernel = match whole.convention {
        Convention::Pytorch => shape.get(2..).unwrap_or_default(),
        _ => &shape[..rank.saturating_sub(2)],
    };
    let is_even = |size: &usize| *size == 1 || size.is_multiple_of(2);
    let is_single = |size: &usize| *size == 1;
    let has_patches =
        kernel.iter().all(is_even) && (kernel.is_empty() || !kernel.iter().all(is_single));
    if is_patches && has_patches {
        return known(Role::PatchEmbedding);
    }
    if rank == 3
        && whole.convention != Convention::Pytorch
        && leaf == "kernel"
        && let Some(role) = of_heads(name, &own)
    {
        return known(role);
    }
    if dense(name, text, shape, all, whole.convention).is_some() {
        return known(Role::Linear);
    }
    if name.module().contains("einsum") && rank > 2 {
        return known(Role::Unknown);
    }
    if rank > 2 && !is_stack(name, shape, text, all) {
        return convolution(name, shape, &own, all, whole, text);
    }
    let role = modulation(name, all, text)
        .or_else(|| is_steering(name, all, text).then_some(Role::Steering))
        .or_else(|| projection(name, &own, all, text));
    if let Some(role) = role {
        return known(role);
    }
    if all.beside(text, "bias").is_some() || is_linear(&own) {
        return known(Role::Linear);
    }
    match is_doubtful(name, &own) {
        true => known(Role::Unknown),
        false => (
            Role::Linear,
            Some("a matrix without a bias, of no name that a table has"),
        ),
    }
}

/// Whether a name is one that linear layers have.
fn is_linear(own: &str) -> bool {
    let words = [
        "proj",
        "linear",
        "dense",
        "mlp",
        "attn",
        "head",
        "classifier",
    ];
    let ends = [
        "fc", "fc1", "fc2", "lin", "_a", "_b", "_q", "_k", "_v", "_o",
    ];
    words.iter().any(|word| own.contains(word)) || ends.iter().any(|end| own.ends_with(end))
}

/// The module that gives a weight its name: a stacked expert's weight bears the projection's name
/// itself, and an adapter keeps the weight under `base_layer`.
fn own_module<'a>(name: &Name<'a>) -> &'a str {
    let leaf = name.leaf();
    if leaf.ends_with("_proj") || leaf == "in_proj_weight" {
        leaf
    } else if let Some(projection) = leaf
        .strip_suffix("_weight")
        .filter(|own| own.ends_with("_proj"))
    {
        // PyTorch's attention to keys and values of other widths.
        projection
    } else if name.module() == "base_layer" {
        name.parent()
    } else {
        name.module()
    }
}

/// Whether a matrix without a bias may as well be a table, or be stored the other way.
fn is_doubtful(name: &Name<'_>, own: &str) -> bool {
    let words = ["emb", "tok", "table", "codebook", "vocab", "memory"];
    let may_be_table = words.iter().any(|word| own.contains(word));
    // burn's recurrent layers, whose linear maps are stored [in, out].
    let is_gate = matches!(own, "input_transform" | "hidden_transform");
    let is_projection = own.contains("proj") || name.leaf() == "kernel";
    is_gate || (may_be_table && !is_projection)
}

fn table(name: &Name<'_>, own: &str, all: All<'_>, text: &str) -> Option<Reading> {
    let leaf = name.leaf();
    let is_flax = matches!(leaf, "embedding" | "embeddings");
    // Nothing is added to a row that is looked up.
    if !is_flax && (leaf != "weight" || all.beside(text, "bias").is_some()) {
        return None;
    }
    // A list of tables is called after its container.
    let own = match is_number(own) {
        true => &*name.parent().to_ascii_lowercase(),
        false => own,
    };
    let maps = ["proj", "dense", "mlp", "linear", "norm"];
    if !is_flax && maps.iter().any(|word| own.contains(word)) {
        return None;
    }
    let is_position = matches!(own, "wpe" | "relative_attention_bias" | "rel_embeddings")
        || (own.contains("emb") && own.contains("pos"))
        || own == "distance_embedding"
        || name.parent() == "embed_positions";
    if is_position && own == "embed_positions" && is_whispers(all, text) {
        return Some(known(Role::Sinusoids));
    }
    if is_position {
        return Some(known(Role::PositionEmbedding));
    }
    if own.contains("patch") && !is_flax {
        return None;
    }
    let is_known = matches!(
        own,
        "wte" | "tok" | "shared" | "embed" | "emb" | "embedding_table" | "embedding_bag"
    ) || own.starts_with("embed_")
        || [
            "embeddings",
            "embedding",
            "_embed",
            "_emb",
            "_tokens",
            "_token",
        ]
        .iter()
        .any(|end| own.ends_with(end));
    if is_known || is_flax {
        return Some(known(Role::Embedding));
    }
    (own.contains("emb") || own == "codebook").then_some((
        Role::Embedding,
        Some("named for an embedding, and without a bias"),
    ))
}

/// Whether the positions beside two convolutions of sound are Whisper's, which are computed.
fn is_whispers(all: All<'_>, text: &str) -> bool {
    let encoder = stem(stem(text).trim_end_matches('.'));
    let has = |leaf: &str| all.find(&format!("{encoder}{leaf}")).is_some();
    encoder.ends_with("encoder.") && has("conv1.weight") && !has("embed_tokens.weight")
}

/// A kernel with an axis of attention heads.
fn of_heads(name: &Name<'_>, own: &str) -> Option<Role> {
    let own = own.strip_suffix("_dense").unwrap_or(own);
    let is_attention = name.inside("attn") || name.inside("attention");
    Some(match own {
        "query" | "q" | "q_proj" => Role::Query,
        "key" | "k" | "k_proj" => Role::Key,
        "value" | "v" | "v_proj" => Role::Value,
        "out" | "attention_output" | "output" | "o_proj" | "out_proj" if is_attention => {
            Role::AttentionOut
        }
        _ => return None,
    })
}

/// Words for layers that only transposed convolutions are called.
const TRANSPOSED: [&str; 4] = ["transpose", "deconv", "convt", "conv_t"];

/// Words for modules that make signals larger, where transposed convolutions are common.
const ENLARGING: [&str; 5] = ["upconv", "up_conv", "upsampl", "upscal", "resize"];

/// The largest kernel along a line, and more than an image's.
const LINE: usize = 16;

fn convolution(
    name: &Name<'_>,
    shape: &[usize],
    module: &str,
    all: All<'_>,
    whole: &Whole<'_>,
    text: &str,
) -> Reading {
    let has = |words: &[&str]| {
        let any = |word: &&str| module.contains(word) || name.inside(word);
        words.iter().any(any)
    };
    if whole.convention != Convention::Pytorch {
        return known(match has(&TRANSPOSED) {
            true => Role::ConvTranspose,
            false => Role::Conv,
        });
    }
    let kernel = &shape[2..];
    let is_even = kernel
        .iter()
        .all(|size| *size > 1 && size.is_multiple_of(2));
    let shown = by_bias(text, shape, all);
    match shown.or_else(|| by_next_norm(text, shape, all).filter(|_| is_even)) {
        Some(Outputs::First) => return known(Role::Conv),
        Some(Outputs::Second) => return known(Role::ConvTranspose),
        None => {}
    }
    let is_line = kernel.len() == 1 && kernel[0] > LINE;
    if is_line && !has(&["conv"]) {
        return known(Role::Unknown);
    }
    if kernel.iter().any(|&size| size > 1) && has(&TRANSPOSED) {
        return known(Role::ConvTranspose);
    }
    match is_even && has(&ENLARGING) {
        true => (
            Role::ConvTranspose,
            Some("a kernel of even size in a module that enlarges"),
        ),
        false => known(Role::Conv),
    }
}

/// The layers of a diffusion transformer that start at 0.
fn modulation(name: &Name<'_>, all: All<'_>, text: &str) -> Option<Role> {
    if name.inside("adaln_modulation") {
        return Some(Role::Modulation);
    }
    let around = stem(stem(text).trim_end_matches('.'));
    let is_last = name.module() == "linear" && name.parent() == "final_layer";
    let beside = || all.under(&format!("{around}adaLN_modulation")).next();
    (is_last && beside().is_some()).then_some(Role::DiffusionOut)
}

/// Whether the layer starts as its bias alone: a deformable attention's (Zhu et al., *Deformable DETR*,
/// 2021, appendix A.4), and the exponential gates of an xLSTM (Beck et al. 2024).
fn is_steering(name: &Name<'_>, all: All<'_>, text: &str) -> bool {
    let around = stem(stem(text).trim_end_matches('.'));
    let has_offsets = || {
        all.find(&format!("{around}sampling_offsets.weight"))
            .is_some()
    };
    match name.module() {
        "sampling_offsets" => true,
        "attention_weights" => has_offsets(),
        module => exponential_gate(module).is_some(),
    }
}

fn projection(name: &Name<'_>, module: &str, all: All<'_>, text: &str) -> Option<Role> {
    let words = [
        "mlp",
        "ffn",
        "feed_forward",
        "densereludense",
        "expert",
        "moe",
    ];
    let feed_forward = words.iter().any(|word| name.inside(word));
    let attention = name.inside("attn") || name.inside("attention");
    let top_level = name.parts.len() <= 2;
    let in_block = feed_forward || is_in_block(name);
    if is_number(module) {
        return in_sequence(name, all, text);
    }
    Some(match module {
        // A module by itself may be anything.
        "query" if top_level => return None,
        "q_proj" | "wq" | "query" | "q" | "q_lin" => Role::Query,
        "k_proj" | "wk" | "key" | "k" | "k_lin" => Role::Key,
        "v_proj" | "wv" | "value" | "v" | "v_lin" => Role::Value,
        "kv" | "kv_proj" | "to_kv" | "kv_linear" if attention => Role::Kv,
        "c_attn" if name.inside("crossattention") => Role::Kv,
        "qkv" | "c_attn" | "query_key_value" | "wqkv" | "qkv_proj" | "in_proj_weight" => Role::Qkv,
        "o_proj" | "out_lin" => Role::AttentionOut,
        "wo" if feed_forward => Role::MlpOut,
        "wo" | "o" if attention || module == "wo" => Role::AttentionOut,
        "out_proj" | "proj" | "c_proj" | "dense" | "out" if attention => Role::AttentionOut,
        "out_proj" if name.inside("mixer") => Role::ResidualOut,
        "gate_proj" | "w1" | "wi_0" | "gate_up_proj" if in_block => Role::MlpGate,
        "up_proj" | "w3" | "wi_1" | "wi" | "c_fc" | "fc_in" | "dense_h_to_4h" if in_block => {
            Role::MlpIn
        }
        "fc1" | "linear1" | "lin1" if in_block && returns(all, text, module) => Role::MlpIn,
        "fc2" | "linear2" | "lin2" if in_block && returns(all, text, module) => Role::MlpOut,
        "down_proj" | "w2" | "fc_out" | "dense_4h_to_h" if in_block => Role::MlpOut,
        // Stacks of experts, in Granite and JetMoE.
        "input_linear" if name.inside("mlp") => Role::MlpGate,
        "output_linear" if name.inside("mlp") => Role::MlpOut,
        "c_proj" => Role::MlpOut,
        "dense" if name.parent() == "intermediate" => Role::MlpIn,
        "dense" if name.parent() == "output" => Role::MlpOut,
        "router" => Role::Router,
        "gate" if feed_forward => Role::Router,
        "lm_head" | "classifier" | "head" | "score" | "decoder" | "embed_out" | "qa_outputs"
        | "logits" | "class_embed" => Role::Head,
        "fc" | "output" if top_level => Role::Head,
        _ => return None,
    })
}

/// Whether `fc2` gives back as many features as `fc1` takes, as a residual branch must; where the
/// other of them is not there, nothing speaks against it.
fn returns(all: All<'_>, text: &str, module: &str) -> bool {
    let around = stem(stem(text).trim_end_matches(['.', '/']));
    let of = |number: char| {
        let base = module.trim_end_matches(['1', '2']);
        let leaf = &text[stem(text).len()..];
        let slash = if text.contains('/') { '/' } else { '.' };
        all.find(&format!("{around}{base}{number}{slash}{leaf}"))
    };
    match (of('1'), of('2')) {
        (Some(first), Some(second)) => match (&first.shape[..], &second.shape[..]) {
            (&[from, _], &[_, to]) if text.ends_with("kernel") => from == to,
            (&[_, from], &[to, _]) => from == to,
            _ => true,
        },
        _ => true,
    }
}

/// Whether two matrices go from one width to a different one and back.
fn is_there_and_back(first: &Tensor, second: &Tensor) -> bool {
    first.shape.len() == 2 && first.shape.iter().rev().eq(second.shape.iter())
}

/// A numbered module of a block's container `mlp`: its two matrices go there and back.
fn in_sequence(name: &Name<'_>, all: All<'_>, text: &str) -> Option<Role> {
    let container = name.parent();
    if !matches!(container, "mlp" | "ffn" | "feed_forward") || !is_in_block(name) {
        return None;
    }
    let around = stem(stem(text).trim_end_matches('.'));
    let inside: Vec<&Tensor> = all.under(around).take(SEQUENCE).collect();
    let mut matrices: Vec<(usize, &Tensor)> = inside
        .into_iter()
        .filter(|tensor| tensor.shape.len() == 2)
        .filter_map(|tensor| {
            let rest = own_name(tensor).strip_prefix(around)?;
            Some((rest.strip_suffix(".weight")?.parse().ok()?, tensor))
        })
        .collect();
    matrices.sort_by_key(|&(number, _)| number);
    let &[(_, first), (_, second)] = &matrices[..] else {
        return None;
    };
    is_there_and_back(first, second).then(|| match own_name(first) == text {
        true => Role::MlpIn,
        false => Role::MlpOut,
    })
}
