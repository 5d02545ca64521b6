//! Conclusions about the whole list, drawn once from names and shapes.

use std::collections::HashSet;

use super::index::{own_name, stem};
use super::reading::{Reading, known};
use crate::layout::Layout;
use crate::model::convention::Convention;
use crate::model::facts::Evidence;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// Conclusions from the list as a whole about its parts.
pub(super) struct Whole<'a> {
    pub(super) convention: Convention,
    /// How the matrices are stored that GPT-2's `Conv1D` and nanoGPT's linear layers share names
    /// for, and the ground if that is a conclusion.
    pub(super) conv1d: (Layout, Option<&'static str>),
    /// Containers with a weight of one element: a rectifier's slope.
    slopes: HashSet<&'a str>,
    /// What normalizations without a shift do with their weight.
    scales: Scales,
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
            scales: Scales::of(has),
        }
    }

    /// The role of a normalization's weight that has no shift beside it.
    pub(super) fn without_shift(&self, name: &Name<'_>) -> Reading {
        match self.scales {
            Scales::Gated if name.inside("linear_attn") => known(Role::NormWeight),
            Scales::Offset(ground) => (Role::OffsetNormWeight, Some(ground)),
            Scales::Gated => (
                Role::OffsetNormWeight,
                Some("linear_attn.in_proj is Qwen3-Next's, whose norms multiply by 1 + w"),
            ),
            Scales::Shared => (
                Role::NormWeight,
                Some("multiplies by w, as Llama's; Gemma's has the same names, and 1 + w"),
            ),
            Scales::Plain => known(Role::NormWeight),
        }
    }

    /// Whether a rectifier's slope of one element is in the same container as this weight.
    pub(super) fn is_beside_slope(&self, text: &str) -> bool {
        self.slopes.contains(container(text))
    }
}

/// What normalizations without a shift do with their weight, by names of families.
enum Scales {
    /// They multiply by 1 + w.
    Offset(&'static str),
    /// They multiply by 1 + w, but those of linear attention by w.
    Gated,
    /// They multiply by w in most families of these names, by 1 + w in some.
    Shared,
    /// They multiply by w.
    Plain,
}

impl Scales {
    fn of(has: impl Fn(&str) -> bool) -> Self {
        if has(".linear_attn.in_proj_") {
            return Scales::Gated;
        }
        if has(".temporal_pre_norm.") {
            return Scales::Offset(
                "temporal_pre_norm is RecurrentGemma's, which multiplies by 1 + w",
            );
        }
        // Gemma 3n and later ones have the names, but multiply by w.
        let is_later = has(".altup") || has(".layer_scalar");
        if has(".pre_feedforward_layernorm.") && !is_later {
            return Scales::Offset(
                "pre_feedforward_layernorm is Gemma's, which multiplies by 1 + w",
            );
        }
        match has(".input_layernorm.") {
            true => Scales::Shared,
            false => Scales::Plain,
        }
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
