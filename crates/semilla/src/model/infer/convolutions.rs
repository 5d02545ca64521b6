//! Groups and strides of convolutions.
//!
//! A kernel shows how many channels one group takes, not how many come in: what is before it and
//! beside it shows that.

use std::collections::HashSet;

use super::before::{Before, before, is_aside, is_made_beside, made};
use super::index::{All, own_name, stem};
use crate::layout::{Axis, Layout};
use crate::model::names::{Name, is_number};
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// Channels of an image in colours.
const COLOURS: usize = 3;

/// Sets the groups of convolutions that take fewer channels than come in, and the strides of those
/// that make patches.
pub(super) fn mark_convolutions(tensors: &mut [Tensor], by_name: &[usize]) {
    let all = All::new(tensors, by_name);
    let whole = Channels::of(tensors);
    let found: Vec<(usize, Found)> = tensors
        .iter()
        .enumerate()
        .filter_map(|(place, tensor)| {
            let found = groups(tensor, all, &whole).or_else(|| stride(tensor, &whole));
            Some((place, found?))
        })
        .collect();
    for (place, Found { layout, ground }) in found {
        let tensor = &mut tensors[place];
        tensor.layout = Some(layout);
        tensor.ground = tensor.ground.or(ground);
    }
}

/// What is concluded of a convolution.
struct Found {
    layout: Layout,
    ground: Option<&'static str>,
}

/// The channels of a whole model.
struct Channels {
    /// The numbers of channels that layers make.
    made: HashSet<usize>,
    /// Some convolution takes an image in colours.
    sees_colours: bool,
    /// Most kernels have a size of four: they overlap, as those of generative adversarial networks
    /// do.
    is_overlapping: bool,
}

impl Channels {
    fn of(tensors: &[Tensor]) -> Self {
        let mut sees = tensors.iter().filter(|tensor| {
            let is_kernel = is_convolution(tensor) || tensor.role == Role::PatchEmbedding;
            is_kernel && tensor.shape.len() > 3 && inputs(tensor) == Some(COLOURS)
        });
        let spatial = tensors.iter().filter(|tensor| {
            let kernel = tensor.shape.get(2..).unwrap_or_default();
            is_convolution(tensor) && kernel.len() == 2 && kernel != [1, 1]
        });
        let fours = spatial.clone().filter(|tensor| tensor.shape[2..] == [4, 4]);
        Self {
            made: tensors.iter().filter_map(made).collect(),
            sees_colours: sees.next().is_some(),
            is_overlapping: fours.clone().count() > 1 && fours.count() * 2 > spatial.count(),
        }
    }
}

fn is_convolution(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::Conv | Role::ResidualOut)
}

fn inputs(tensor: &Tensor) -> Option<usize> {
    let layout = tensor.layout.as_ref()?;
    Some(layout.size(Axis::In, &tensor.shape))
}

/// The groups, where there is more than one, or what is taken for granted.
fn groups(tensor: &Tensor, all: All<'_>, whole: &Channels) -> Option<Found> {
    let layout = tensor.layout.as_ref()?;
    if !is_convolution(tensor) || layout.groups() != 1 || tensor.shape.len() < 3 {
        return None;
    }
    let out = layout.size(Axis::Out, &tensor.shape);
    let inputs = layout.size(Axis::In, &tensor.shape);
    let text = own_name(tensor);
    if out < 2 || inputs == 0 || layout.axis(Axis::Stack).is_some() {
        return None;
    }
    // Names of Keras and Flax do not say what comes before what.
    if layout.axis(Axis::Out) != Some(0) {
        let is_depthwise = inputs == 1 && is_named_depthwise(text);
        return is_depthwise.then(|| Found {
            layout: layout.clone().grouped(out),
            ground: None,
        });
    }
    let grouped = |groups: usize, ground| {
        Some(Found {
            layout: layout.clone().grouped(groups),
            ground,
        })
    };
    if inputs == 1 {
        let (groups, ground) = depthwise(tensor, all, whole);
        return grouped(groups, ground);
    }
    if is_aside(text) {
        return None;
    }
    let before = before(tensor, all);
    let is_spatial = tensor.shape[2..].iter().any(|&size| size > 1);
    let comes = before.as_ref().map(|before| before.channels);
    if comes == Some(inputs) || is_made_beside(tensor, inputs, all) {
        return None;
    }
    // A kernel of size 1 may take a part of what comes before it, unless it follows in a sequence.
    let in_sequence = is_number(Name::new(text).module());
    let fits = |groups: usize| groups > 1 && out.is_multiple_of(groups);
    if let Some(Before { channels, is_next }) = before
        && is_next
        && (is_spatial || in_sequence)
        && channels > inputs
        && channels.is_multiple_of(inputs)
        && channels <= out
        && fits(channels / inputs)
    {
        let ground = "takes fewer channels than the convolution before it makes";
        return grouped(channels / inputs, Some(ground));
    }
    if inputs >= out || !out.is_multiple_of(inputs) || is_first(text) {
        return None;
    }
    if Name::new(text).inside("group") {
        return grouped(
            out / inputs,
            Some("named for its groups, of as many channels as it makes"),
        );
    }
    if !whole.made.contains(&inputs) {
        let ground = "no layer makes as few channels as it takes: groups of as many as it makes";
        return grouped(out / inputs, Some(ground));
    }
    let ground = "one group: nothing before it shows how many channels come in";
    let is_doubtful = is_spatial && comes.is_some_and(|comes| comes > inputs);
    grouped(1, Some(ground)).filter(|_| is_doubtful)
}

/// The groups of a convolution that takes one channel a group.
fn depthwise(tensor: &Tensor, all: All<'_>, whole: &Channels) -> (usize, Option<&'static str>) {
    let text = own_name(tensor);
    let out = tensor.shape[0];
    if is_named_depthwise(text) || is_state_spaces(text, all) {
        return (out, None);
    }
    if before(tensor, all).is_some_and(|before| before.channels == out) {
        let ground = "one input channel each, after a convolution of as many channels";
        return (out, Some(ground));
    }
    if is_first(text) && (!whole.sees_colours || hears(text)) {
        let ground = "the first of its network: its one input channel is the whole input";
        return (1, Some(ground));
    }
    (out, Some("one input channel each, inside a network"))
}

/// Whether a name is of a part of a network that takes other input than images.
fn hears(text: &str) -> bool {
    let name = Name::new(text);
    let words = ["audio", "speech", "sound", "spect", "mask", "depth", "wave"];
    words.iter().any(|word| name.inside(word))
}

fn is_named_depthwise(text: &str) -> bool {
    let name = Name::new(text);
    name.inside("dw") || name.inside("depthwise")
}

/// Whether the convolution runs beside a state space, channel by channel.
fn is_state_spaces(text: &str, all: All<'_>) -> bool {
    let module = stem(stem(text).trim_end_matches('.'));
    all.find(&format!("{module}A_log")).is_some()
}

/// Whether a name may be that of a network's first convolution: each number in it is the first of
/// its kind, and no block is around it.
fn is_first(text: &str) -> bool {
    let parts: Vec<&str> = stem(text)
        .split('.')
        .filter(|part| !part.is_empty())
        .collect();
    let digits = |part: &str| {
        part.trim_start_matches(|c: char| !c.is_ascii_digit())
            .to_owned()
    };
    let numbers = parts.iter().map(|part| digits(part));
    let are_first = numbers
        .clone()
        .all(|number| matches!(&*number, "" | "0" | "1"));
    let plain = parts.iter().position(|part| is_number(part));
    let inner = plain.map_or(0, |at| parts.len() - 1 - at);
    let is_second = parts.contains(&"1");
    let beside = ["cpe", "pos", "conv2", "local"];
    let is_beside = parts
        .iter()
        .any(|part| beside.iter().any(|word| part.contains(word)));
    are_first && inner < 2 && !is_second && !is_beside
}

/// A kernel of even size that does not overlap is as large as its stride: kernels that overlap are
/// odd.
fn stride(tensor: &Tensor, whole: &Channels) -> Option<Found> {
    let layout = tensor.layout.as_ref()?;
    if tensor.role == Role::ConvTranspose {
        return enlarging(tensor, layout);
    }
    let is_patches =
        tensor.role == Role::PatchEmbedding || Name::new(own_name(tensor)).inside("patch_embed");
    if !(tensor.role == Role::PatchEmbedding || is_convolution(tensor)) {
        return None;
    }
    let (layer_inputs, outputs) = (
        layout.size(Axis::In, &tensor.shape),
        layout.size(Axis::Out, &tensor.shape),
    );
    let axes = layout.axes().iter().zip(&tensor.shape);
    let kernel: Vec<usize> = axes
        .filter(|(axis, _)| **axis == Axis::Kernel)
        .map(|(_, &size)| size)
        .collect();
    let is_even = |size: &usize| *size > 0 && (size.is_multiple_of(2) || *size == 1);
    let largest = kernel.iter().copied().max().unwrap_or(1);
    let overlapping = |ground| {
        Some(Found {
            layout: layout.clone(),
            ground: Some(ground),
        })
    };
    if largest < 2 {
        return None;
    }
    if !kernel.iter().all(is_even) {
        let field = layout.receptive_field(&tensor.shape);
        let expands = layer_inputs == COLOURS && outputs >= COLOURS.saturating_mul(field);
        return match is_patches || (largest > 3 && expands) {
            true => overlapping("patches that overlap, as kernels of odd size do"),
            false => None,
        };
    }
    if !is_patches && kernel.len() == 1 && largest > 2 {
        return overlapping("a kernel along a line, taken to overlap whatever its stride");
    }
    if !is_patches && largest == 4 && whole.is_overlapping {
        return overlapping("a kernel that overlaps, as most of this network have the same size");
    }
    Some(Found {
        layout: layout
            .clone()
            .strided(layout.receptive_field(&tensor.shape)),
        ground: Some("a kernel of even size: its stride is taken for as large"),
    })
}

/// A transposed convolution enlarges by half of its kernel's size, by the size itself if that is
/// two; of channels with one output each, each is a group.
fn enlarging(tensor: &Tensor, layout: &Layout) -> Option<Found> {
    let axes = layout.axes().iter().zip(&tensor.shape);
    let kernel = axes.filter(|(axis, _)| **axis == Axis::Kernel);
    let mut stride = 1usize;
    for (_, &size) in kernel {
        stride = stride.saturating_mul(match size {
            2 => 2,
            size if size.is_multiple_of(2) => size / 2,
            _ => 1,
        });
    }
    let ground = match stride {
        0 | 1 => "transposed by a stride that nothing shows, taken for 1",
        _ => "transposed by a stride taken for half of its kernel, or all of a kernel of two",
    };
    let channels = layout.size(Axis::In, &tensor.shape);
    let is_depthwise = layout.size(Axis::Out, &tensor.shape) == 1 && channels > 1;
    let layout = layout.clone().strided(stride.max(1));
    Some(Found {
        layout: match is_depthwise && Name::new(own_name(tensor)).inside("upsampl") {
            true => layout.grouped(channels),
            false => layout,
        },
        ground: Some(ground),
    })
}
