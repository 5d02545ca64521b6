//! Conclusions about the whole list, drawn once from names and shapes.

use std::collections::HashSet;

use super::index::{own_name, stem};
use crate::layout::Layout;
use crate::model::convention::Convention;
use crate::model::facts::Evidence;
use crate::model::names::Name;
use crate::model::tensor::Tensor;

/// Conclusions from the list as a whole about its parts.
pub(super) struct Whole<'a> {
    pub(super) convention: Convention,
    /// How the matrices are stored that GPT-2's `Conv1D` and nanoGPT's linear layers share names
    /// for, and the ground if that is a conclusion.
    pub(super) conv1d: (Layout, Option<&'static str>),
    /// Containers with a weight of one element: a rectifier's slope.
    slopes: HashSet<&'a str>,
    /// Normalizations multiply by 1 + w.
    pub(super) is_offset: bool,
}

impl<'a> Whole<'a> {
    pub(super) fn of(tensors: &'a [Tensor], evidence: &Evidence) -> Self {
        let has = |fragment: &str| tensors.iter().any(|tensor| tensor.name.contains(fragment));
        let is_single = |tensor: &&Tensor| {
            tensor.dtype.is_float() && tensor.shape == [1] && tensor.name.ends_with(".weight")
        };
        let slopes = tensors.iter().filter(is_single);
        Self {
            convention: evidence.convention,
            conv1d: conv1d(tensors, evidence),
            slopes: slopes.map(|slope| container(own_name(slope))).collect(),
            // Gemma 3n has the names, but multiplies by w.
            is_offset: has(".pre_feedforward_layernorm.") && !has(".altup"),
        }
    }

    /// Whether a rectifier's slope of one element is in the same container as this weight.
    pub(super) fn is_beside_slope(&self, text: &str) -> bool {
        self.slopes.contains(container(text))
    }
}

/// The container of a module: `net.` of `net.3.weight`.
fn container(text: &str) -> &str {
    stem(stem(text).trim_end_matches(['.', '/']))
}

/// Whether a weight has a name that `Conv1D` of GPT-2 and linear layers of its copies share.
pub(super) fn is_conv1d(name: &Name<'_>) -> bool {
    matches!(name.module(), "c_attn" | "q_attn" | "c_proj" | "c_fc") && name.inside_numbered("h")
}

/// A fused projection is three times as wide as its input, a feed-forward block's first one four
/// times: where one of them says which axis is which, all are stored so.
fn conv1d(tensors: &[Tensor], evidence: &Evidence) -> (Layout, Option<&'static str>) {
    let (mut io, mut oi) = (false, false);
    for tensor in tensors {
        let &[rows, columns] = &tensor.shape[..] else {
            continue;
        };
        let name = Name::new(own_name(tensor));
        let factor = match name.module() {
            "c_attn" => 3,
            "c_fc" => 4,
            _ => continue,
        };
        if is_conv1d(&name) && rows != columns {
            io |= rows.checked_mul(factor) == Some(columns);
            oi |= columns.checked_mul(factor) == Some(rows);
        }
    }
    match (io, oi) {
        (true, false) => (Layout::io(), None),
        (false, true) => (Layout::oi(), None),
        _ if evidence.is_convention_stated => (Layout::oi(), None),
        _ => (
            Layout::io(),
            Some("stored [in, out] if it is GPT-2's Conv1D, as its name suggests"),
        ),
    }
}
