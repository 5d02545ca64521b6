//! Layouts and blocks that follow from a role, a convention and the number of axes.

use super::index::{All, stem};
use super::outputs::{Outputs, by_bias};
use super::whole::{Whole, is_conv1d};
use crate::layout::{Axis, Layout};
use crate::model::convention::Convention;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// The layout, and the ground if it is a conclusion.
pub(super) fn layout(
    name: &Name<'_>,
    text: &str,
    role: Role,
    shape: &[usize],
    all: All<'_>,
    whole: &Whole<'_>,
) -> (Option<Layout>, Option<&'static str>) {
    if role.is_matrix() && whole.convention == Convention::Pytorch {
        match (shape.len(), by_bias(text, shape, all)) {
            (2, Some(Outputs::First)) => return (Some(Layout::oi()), None),
            (2, Some(Outputs::Second)) => return (Some(Layout::io()), None),
            (2, None) if is_conv1d(name) => {
                let (layout, ground) = whole.conv1d.clone();
                return (Some(layout), ground);
            }
            (3, _) if has_heads(name, role) => {
                // Transformer-XL's, of which the last one goes back by the same axes.
                let layout = if role == Role::AttentionOut {
                    "OII"
                } else {
                    "IOO"
                };
                return (layout.parse().ok(), None);
            }
            (3, _) if is_stack(name, shape, text, all) => {
                let (layout, ground) = stacked(name, text, shape, all);
                return (Some(layout), ground);
            }
            (2, None) if is_bare_projection(name) => {
                let ground = "a projection without a layer, which values are multiplied by from the right as in CLIP";
                return (Some(Layout::io()), Some(ground));
            }
            _ => {}
        }
    }
    if let Some(layout) = dense(name, text, shape, all, whole.convention) {
        return (Some(layout), None);
    }
    (by_convention(name, role, shape, whole.convention), None)
}

/// The layout of a dense kernel of more than two axes, which Keras and Flax have: its bias has the
/// axes of its outputs, and all others are inputs.
pub(super) fn dense(
    name: &Name<'_>,
    text: &str,
    shape: &[usize],
    all: All<'_>,
    convention: Convention,
) -> Option<Layout> {
    let is_kernel = convention != Convention::Pytorch && name.leaf() == "kernel";
    if !is_kernel || shape.len() < 3 {
        return None;
    }
    let bias = &all.beside(text, "bias")?.shape[..];
    // A bias along one axis is a convolution's, too.
    let is_dense = bias.len() > 1 || name.module().contains("einsum");
    let inputs = shape
        .len()
        .checked_sub(bias.len())
        .filter(|&inputs| inputs > 0)?;
    let letters = "I".repeat(inputs) + &"O".repeat(bias.len());
    letters
        .parse()
        .ok()
        .filter(|_| is_dense && shape.ends_with(bias))
}

/// Whether a matrix of three axes has one of attention heads, by the names that are known for it.
fn has_heads(name: &Name<'_>, role: Role) -> bool {
    let is_role = matches!(
        role,
        Role::Query | Role::Key | Role::Value | Role::AttentionOut | Role::Linear
    );
    is_role && matches!(name.leaf(), "q" | "k" | "v" | "o" | "r" | "r_kernel")
}

/// Whether a matrix is a parameter of its own that is called a projection: `text_projection`.
pub(super) fn is_bare_projection(name: &Name<'_>) -> bool {
    let own = name.leaf();
    let own = own.strip_suffix("_weight").unwrap_or(own);
    own.ends_with("projection") || own == "proj"
}

/// Whether a tensor of three axes is a stack of matrices: of experts, or one for each head.
pub(super) fn is_stack(name: &Name<'_>, shape: &[usize], text: &str, all: All<'_>) -> bool {
    let own = own_of_stack(name);
    let is_named = name.inside("expert") || matches!(own, "input_linear" | "output_linear");
    let is_conv = name.inside("conv") || own.contains("conv");
    let has_biases = || biases_of_stack(text, shape, all).is_some();
    let is_bare = || own.ends_with("_proj_weight") || has_biases();
    shape.len() == 3 && !is_conv && (is_named || is_bare())
}

/// The name that a stack has by itself: that of a parameter without a layer, or the layer's.
fn own_of_stack<'a>(name: &Name<'a>) -> &'a str {
    match name.leaf() {
        "weight" | "kernel" => name.module(),
        own => own,
    }
}

/// A stack's biases, a row for each matrix: `gate_bias` beside `gate_weight`.
pub(super) fn biases_of_stack<'a>(text: &str, shape: &[usize], all: All<'a>) -> Option<&'a Tensor> {
    let biases = all.find(&format!("{}_bias", text.strip_suffix("_weight")?))?;
    match (&biases.shape[..], shape) {
        (&[count, size], &[own, rows, columns]) => {
            (count == own && (size == rows || size == columns)).then_some(biases)
        }
        _ => None,
    }
}

/// The layout of a stack of experts: the axis that the tensors around share with it is the width.
///
/// What goes in and up has the width as its input, what goes down has it as its output: of a pair,
/// one axis of the one is an axis of the other.
fn stacked(
    name: &Name<'_>,
    text: &str,
    shape: &[usize],
    all: All<'_>,
) -> (Layout, Option<&'static str>) {
    let (oi, io) = (Layout::oi().stacked(), Layout::io().stacked());
    let &[experts, rows, columns] = shape else {
        return (oi, None);
    };
    if let Some(biases) = biases_of_stack(text, shape, all) {
        // Of square ones the fans are the same.
        return (if biases.shape[1] == rows { oi } else { io }, None);
    }
    let own = own_of_stack(name);
    let is_down = own.starts_with("down_proj") || own == "w2" || own.starts_with("output");
    // The width is the columns of what goes up, and the rows of what goes down.
    let by_width = |width: usize| match (rows == width, columns == width) {
        (true, false) => Some(is_down),
        (false, true) => Some(!is_down),
        _ => None,
    };
    let around = stem(stem(text).trim_end_matches('.'));
    let routers = [
        "gate.weight",
        "router.weight",
        "router.layer.weight",
        "gate.wg.weight",
    ];
    let router = routers.iter().find_map(|leaf| {
        let found = all.find(&format!("{around}{leaf}"))?;
        match found.shape[..] {
            [count, width] if count == experts => Some(width),
            _ => None,
        }
    });
    let by_pair = || {
        let up = all.beside(text, "gate_up_proj")?.shape.get(1..)?;
        let down = all.beside(text, "down_proj")?.shape.get(1..)?;
        let &[up_rows, up_columns] = up else {
            return None;
        };
        let &[down_rows, down_columns] = down else {
            return None;
        };
        let is_oi = up_columns == down_rows && down_columns.checked_mul(2) == Some(up_rows);
        let is_io = up_rows == down_columns && down_rows.checked_mul(2) == Some(up_columns);
        (is_oi != is_io).then_some(is_oi)
    };
    match by_pair().or_else(|| router.and_then(by_width)) {
        Some(true) => (oi, None),
        Some(false) => (io, None),
        None => (
            oi,
            Some("stored [expert, out, in] as most stacks of experts are"),
        ),
    }
}

fn by_convention(
    name: &Name<'_>,
    role: Role,
    shape: &[usize],
    convention: Convention,
) -> Option<Layout> {
    let rank = shape.len();
    let tables = [Role::Embedding, Role::PositionEmbedding, Role::Sinusoids];
    if tables.contains(&role) && rank == 2 {
        return Some(Layout::embedding());
    }
    let is_adapter = matches!(role, Role::AdapterIn | Role::AdapterOut);
    if !(role.is_matrix() || is_adapter) || rank < 2 {
        return None;
    }
    let spatial = rank - 2;
    if convention != Convention::Pytorch {
        // Keras calls the kernel of a depthwise convolution so alone, too.
        let is_named = name.inside("depthwise") || name.inside("dwconv");
        let depthwise = rank >= 3
            && (name.leaf() == "depthwise_kernel" || (is_named && shape.last() == Some(&1)));
        // [kernel..., channel, multiplier]: every channel a weight of its own.
        let letters = ["D", "H", "W"][3usize.saturating_sub(spatial)..].concat();
        return match role {
            _ if depthwise => format!("{letters}EO").parse().ok(),
            Role::Query | Role::Key | Role::Value if rank == 3 => Some(Layout::to_heads()),
            Role::AttentionOut if rank == 3 => Some(Layout::from_heads()),
            _ => Some(Layout::channels_last(spatial)),
        };
    }
    Some(match role {
        Role::ConvTranspose => Layout::conv_transpose(spatial, 1),
        _ => Layout::conv(spatial),
    })
}

/// The gates that are stacked along the output axis of a recurrent layer's weight or bias.
pub(super) fn gates(name: &Name<'_>, text: &str, tensor: &Tensor, all: All<'_>) -> Vec<usize> {
    let recurrent = matches!(
        tensor.role,
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias
    );
    let hidden = recurrent.then(|| hidden_size(text, name.leaf(), all));
    let Some(hidden) = hidden.flatten() else {
        return Vec::new();
    };
    let layout = tensor.layout.as_ref();
    let axis = layout.and_then(|l| l.axis(Axis::Out)).unwrap_or(0);
    let out = tensor.shape.get(axis).copied().unwrap_or(0);
    equal_blocks(out, out / hidden.max(1))
}

fn equal_blocks(size: usize, count: usize) -> Vec<usize> {
    if !(2..=4).contains(&count) || !size.is_multiple_of(count) {
        Vec::new()
    } else {
        vec![size / count; count]
    }
}

/// The hidden size of a recurrent layer: the inputs of its hidden-to-hidden weight.
pub(super) fn hidden_size(text: &str, leaf: &str, all: All<'_>) -> Option<usize> {
    let stem = text.strip_suffix(leaf)?;
    let suffix = leaf.split_once("h_").map_or("", |(_, suffix)| suffix);
    // PyTorch's LSTM may hand on fewer features than its state has.
    if let Some(projection) = all.find(&format!("{stem}weight_hr_{suffix}")) {
        return projection.shape.get(1).copied();
    }
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
