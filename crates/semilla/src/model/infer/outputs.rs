//! Which axis of a weight holds the outputs, as the shapes around it show.

use super::index::{All, stem};
use crate::model::names::is_number;

/// The axis that holds a weight's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outputs {
    First,
    Second,
}

/// The axis that is as long as the weight's own bias, if only one is.
pub(super) fn by_bias(text: &str, shape: &[usize], all: All<'_>) -> Option<Outputs> {
    let bias = all.beside(text, "bias")?;
    match bias.shape[..] {
        [size] => as_long_as(size, shape),
        _ => None,
    }
}

/// The axis that is as long as the normalization that follows in a sequence: `net.4` after `net.3`.
pub(super) fn by_next_norm(text: &str, shape: &[usize], all: All<'_>) -> Option<Outputs> {
    let module = stem(text).trim_end_matches('.');
    let number = &module[stem(module).len()..];
    if !is_number(number) {
        return None;
    }
    let next = number.parse::<u64>().ok()?.checked_add(1)?;
    let norm = all.find(&format!("{}{next}.weight", stem(module)))?;
    match norm.shape[..] {
        [size] => as_long_as(size, shape),
        _ => None,
    }
}

fn as_long_as(size: usize, shape: &[usize]) -> Option<Outputs> {
    let &[first, second, ..] = shape else {
        return None;
    };
    match (size == first, size == second) {
        (true, false) => Some(Outputs::First),
        (false, true) => Some(Outputs::Second),
        _ => None,
    }
}
