//! Groups of convolutions.
//!
//! A kernel shows how many channels one group takes, not how many come in: the convolution before
//! it shows that. "Before" is read off numbers in names, whatever the order of the list: `conv2`
//! comes after `conv1` of the same module, `features.3` after `features.0`.

use super::index::{All, own_name, stem};
use crate::layout::Axis;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// A convolution, a normalization and an activation between two convolutions of a sequence.
const SEQUENCE_STEP: u64 = 3;

/// Sets the groups of convolutions that take fewer channels than come in.
pub(super) fn mark_groups(tensors: &mut [Tensor], by_name: &[usize]) {
    let all = All::new(tensors, by_name);
    let groups: Vec<Option<Groups>> = tensors.iter().map(|tensor| groups(tensor, all)).collect();
    for (tensor, groups) in tensors.iter_mut().zip(groups) {
        let Some(Groups { count, ground }) = groups else {
            continue;
        };
        if let Some(layout) = tensor.layout.take() {
            tensor.layout = Some(layout.grouped(count));
            tensor.ground = tensor.ground.or(ground);
        }
    }
}

struct Groups {
    count: usize,
    ground: Option<&'static str>,
}

fn groups(tensor: &Tensor, all: All<'_>) -> Option<Groups> {
    let layout = tensor.layout.as_ref()?;
    let is_plain = layout.axis(Axis::Out) == Some(0) && layout.axis(Axis::In) == Some(1);
    let is_conv = matches!(tensor.role, Role::Conv | Role::ResidualOut);
    if !is_conv || !is_plain || layout.groups() != 1 || tensor.shape.len() < 3 {
        return None;
    }
    let (out, inputs) = (tensor.shape[0], tensor.shape[1]);
    if out < 2 || inputs == 0 {
        return None;
    }
    let text = own_name(tensor);
    let grouped = |count: usize, ground| (count > 1).then_some(Groups { count, ground });
    if inputs == 1 {
        if is_named_depthwise(text) || is_state_spaces(text, all) {
            return grouped(out, None);
        }
        let channels = before(tensor, all).map(|before| before.channels);
        let ground = "one input channel each, after a convolution of as many channels";
        return grouped(out, Some(ground)).filter(|_| channels == Some(out));
    }
    let before = before(tensor, all).filter(|before| before.is_next)?;
    let divides = inputs < before.channels && before.channels.is_multiple_of(inputs);
    let count = before.channels / inputs;
    let ground = "takes fewer channels than the convolution before it makes";
    let is_spatial = tensor.shape[2..].iter().any(|&size| size > 1);
    grouped(count, Some(ground)).filter(|_| divides && is_spatial && out.is_multiple_of(count))
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

/// The convolution before one.
struct Before {
    /// The channels that it makes.
    channels: usize,
    /// Nothing with weights can be between the two.
    is_next: bool,
}

/// The convolution that differs in one number of its name only, or first, and is nearest below.
fn before(tensor: &Tensor, all: All<'_>) -> Option<Before> {
    let text = own_name(tensor);
    let parts: Vec<&str> = text.split('.').collect();
    let modules = parts.len().checked_sub(1)?;
    // The innermost number first: the nearest neighbour.
    for place in (0..modules).rev() {
        let Some((word, number)) = numbered(parts[place]) else {
            continue;
        };
        let around = parts[..place].iter().map(|part| format!("{part}."));
        let around = around.collect::<String>() + word;
        for step in 1..=SEQUENCE_STEP.min(number) {
            let earlier = label(parts[place], number - step);
            let found = last_under(&format!("{around}{earlier}."), all);
            if let Some(channels) = found {
                let is_own = place + 2 >= modules;
                let is_next = is_own && (word.is_empty() || step == 1);
                return Some(Before { channels, is_next });
            }
        }
    }
    None
}

/// The word and the number that a part ends with: `conv` and 2 of `conv2`; letters count too: `b`
/// comes after `a`.
fn numbered(part: &str) -> Option<(&str, u64)> {
    if let [letter @ b'a'..=b'z'] = part.as_bytes() {
        return Some(("", u64::from(letter - b'a')));
    }
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((word, part[word.len()..].parse().ok()?))
}

fn label(like: &str, number: u64) -> String {
    match like.as_bytes() {
        [b'a'..=b'z'] => char::from(b'a' + number as u8).to_string(),
        _ => number.to_string(),
    }
}

/// The channels that the last convolution of a module makes; modules of many tensors are not
/// looked through.
fn last_under(prefix: &str, all: All<'_>) -> Option<usize> {
    const MODULE: usize = 256;
    let convolutions = all.under(prefix).take(MODULE).filter(|tensor| {
        matches!(
            tensor.role,
            Role::Conv | Role::ResidualOut | Role::ConvTranspose | Role::PatchEmbedding
        ) && !tensor.name.contains("downsample")
            && !tensor.name.contains("shortcut")
    });
    let last = convolutions.max_by_key(|tensor| natural(own_name(tensor)))?;
    let layout = last.layout.as_ref()?;
    Some(layout.size(Axis::Out, &last.shape))
}

/// A sort key in which `layers.2` comes before `layers.10`.
pub(super) fn natural(name: &str) -> Vec<(&str, u64)> {
    let parts = name.split(['.', '/']);
    let key = parts.map(|part| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        (word, part[word.len()..].parse().unwrap_or(0))
    });
    key.collect()
}
