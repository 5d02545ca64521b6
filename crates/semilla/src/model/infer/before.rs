//! What comes before a convolution.
//!
//! "Before" is read off numbers in names, whatever the order of the list: `conv2` comes after
//! `conv1` of the same module, `c3x3_b` after `c1x1_a`, `features.3` after `features.0`.

use super::index::{All, own_name, stem};
use crate::layout::Axis;
use crate::model::names::is_number;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// A convolution, a normalization and an activation between two convolutions of a sequence.
const SEQUENCE_STEP: u64 = 3;

/// More tensors than a module has that is looked through.
const MODULE: usize = 256;

/// Modules whose channels go no further: squeeze and excitation, shortcuts.
const ASIDE: [&str; 9] = [
    "se",
    "fc",
    "attn",
    "eca",
    "cbam",
    "downsample",
    "shortcut",
    "squeeze_excite",
    "skip",
];

/// Containers of modules that run beside each other.
const PARALLEL: [&str; 3] = ["paths", "branches", "branch"];

/// The convolution before one.
pub(super) struct Before {
    /// The channels that it makes.
    pub(super) channels: usize,
    /// Nothing with weights can be between the two.
    pub(super) is_next: bool,
}

/// The convolution that differs in one number of its name only, or first, and is nearest below.
pub(super) fn before(tensor: &Tensor, all: All<'_>) -> Option<Before> {
    let text = own_name(tensor);
    let parts: Vec<&str> = text.split('.').collect();
    let modules = parts.len().checked_sub(1)?;
    // The innermost number first: the nearest neighbour.
    for place in (0..modules).rev() {
        let around = parts[..place].iter().map(|part| format!("{part}."));
        let around = around.collect::<String>();
        if place > 0 && PARALLEL.contains(&parts[place - 1]) {
            continue;
        }
        let is_own = place + 2 >= modules;
        if let Some((word, letter)) = lettered(parts[place]) {
            let is_earlier = |rest: &str| {
                let part = rest.split('.').next().and_then(lettered_from_a);
                part.is_some_and(|(_, found)| found + 1 == letter)
            };
            if let Some(channels) = last_of(&around, all, is_earlier) {
                let is_next = is_own || word.is_empty();
                return Some(Before { channels, is_next });
            }
        }
        let Some((word, number)) = numbered(parts[place]) else {
            continue;
        };
        for step in 1..=SEQUENCE_STEP.min(number) {
            let earlier = format!("{around}{word}{}", number - step);
            let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
            if let Some(channels) = last_of(&earlier, all, is_whole) {
                let is_next = is_own && (word.is_empty() || step == 1);
                return Some(Before { channels, is_next });
            }
        }
    }
    None
}

/// Whether a module of the same block, beside the convolution's own, makes so many channels.
pub(super) fn is_made_beside(tensor: &Tensor, channels: usize, all: All<'_>) -> bool {
    let text = own_name(tensor);
    let parts: Vec<&str> = text.split('.').collect();
    let outer = parts.len().saturating_sub(2);
    let Some(block) = parts[..outer].iter().rposition(|part| is_number(part)) else {
        return false;
    };
    let container = parts[..=block].join(".") + ".";
    let own = stem(text);
    // Normalizations in a module of its own come after it.
    let around = stem(own.trim_end_matches('.'));
    let mut beside = all.under(&container).take(MODULE).filter(|other| {
        let name = own_name(other);
        let is_after = around != container && name.starts_with(around) && is_norm(other);
        !name.starts_with(own) && !is_after && !is_aside(&name[container.len()..])
    });
    beside.any(|other| made(other) == Some(channels))
}

fn is_norm(tensor: &Tensor) -> bool {
    matches!(
        tensor.role,
        Role::NormWeight | Role::LastNormWeight | Role::OffsetNormWeight
    )
}

/// The number of channels that a tensor's layer gives, if it says so.
pub(super) fn made(tensor: &Tensor) -> Option<usize> {
    match &tensor.layout {
        _ if is_norm(tensor) => tensor.shape.first().copied(),
        Some(layout) if tensor.role.is_matrix() => Some(layout.size(Axis::Out, &tensor.shape)),
        _ => None,
    }
}

/// Whether the path of a tensor goes through a module whose channels go no further.
pub(super) fn is_aside(path: &str) -> bool {
    path.split('.').any(|part| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        ASIDE.contains(&word)
    })
}

/// The word, and the number after it, with which a part begins: `conv` and 2 of `conv2_kxk`.
fn numbered(part: &str) -> Option<(&str, u64)> {
    let at = part.find(|c: char| c.is_ascii_digit())?;
    let digits = part[at..].find(|c: char| !c.is_ascii_digit());
    let end = digits.map_or(part.len(), |length| at + length);
    Some((&part[..at], part[at..end].parse().ok()?))
}

/// The word and the letter after it that a part ends with: `b` of `c3x3_b`; a part may be a letter.
fn lettered_from_a(part: &str) -> Option<(&str, u8)> {
    let (word, letter) = part.rsplit_once('_').unwrap_or(("", part));
    match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => Some((word, *letter)),
        _ => None,
    }
}

/// The same for a letter that another comes before.
fn lettered(part: &str) -> Option<(&str, u8)> {
    lettered_from_a(part).filter(|&(_, letter)| letter > b'a')
}

/// The channels that the last convolution makes whose name begins so and goes on as asked for;
/// modules of many tensors are not looked through.
fn last_of(prefix: &str, all: All<'_>, is_asked: impl Fn(&str) -> bool) -> Option<usize> {
    let convolutions = all.under(prefix).take(MODULE).filter(|tensor| {
        let rest = &own_name(tensor)[prefix.len()..];
        let is_conv = matches!(
            tensor.role,
            Role::Conv | Role::ResidualOut | Role::ConvTranspose | Role::PatchEmbedding
        );
        is_conv && is_asked(rest) && !is_aside(rest)
    });
    made(convolutions.max_by_key(|tensor| natural(own_name(tensor)))?)
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
