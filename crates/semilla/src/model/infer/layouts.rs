//! Layouts and blocks that follow from a role, a convention and the number of axes.

use super::index::All;
use super::whole::{Whole, is_conv1d};
use crate::layout::{Axis, Layout};
use crate::model::convention::Convention;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// The layout, and the ground if it is a conclusion.
pub(super) fn layout(
    name: &Name<'_>,
    role: Role,
    shape: &[usize],
    whole: &Whole<'_>,
) -> (Option<Layout>, Option<&'static str>) {
    let rank = shape.len();
    let is_conv1d = rank == 2 && is_conv1d(name) && whole.convention == Convention::Pytorch;
    if is_conv1d && role.is_matrix() {
        let (layout, ground) = whole.conv1d.clone();
        return (Some(layout), ground);
    }
    (by_convention(name, role, shape, whole.convention), None)
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
    // A stack of experts is stored either way by different models: a rule must say.
    let spatial = rank - 2;
    if name.inside("expert") && rank == 3 {
        return None;
    }
    if convention != Convention::Pytorch {
        let depthwise = name.leaf() == "depthwise_kernel" && rank >= 3;
        // [kernel..., channel, multiplier]: every channel a weight of its own.
        let letters = ["D", "H", "W"][3usize.saturating_sub(spatial)..].concat();
        return match role {
            _ if depthwise => format!("{letters}EO").parse().ok(),
            Role::Query | Role::Key | Role::Value if rank == 3 => Some(Layout::to_heads()),
            Role::AttentionOut if rank == 3 => Some(Layout::from_heads()),
            _ => Some(patches(role, Layout::channels_last(spatial), shape)),
        };
    }
    Some(match role {
        Role::ConvTranspose => Layout::conv_transpose(spatial, 1),
        _ => patches(role, Layout::conv(spatial), shape),
    })
}

/// A kernel of even size that makes patches is as large as its stride: kernels that overlap are
/// odd.
fn patches(role: Role, layout: Layout, shape: &[usize]) -> Layout {
    let axes = layout.axes().iter().zip(shape);
    let mut kernel = axes.filter(|(axis, _)| **axis == Axis::Kernel);
    let is_even = kernel.all(|(_, size)| size.is_multiple_of(2));
    match role {
        Role::PatchEmbedding if is_even => {
            let stride = layout.receptive_field(shape).max(1);
            layout.strided(stride)
        }
        _ => layout,
    }
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
