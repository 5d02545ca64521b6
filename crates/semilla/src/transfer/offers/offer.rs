//! The offer for one target.

use crate::transfer::depth::NewLayers;
use crate::transfer::parts::Cut;

/// The offer for one target. Tensors of the checkpoint are given by their indices.
pub(in crate::transfer) enum Offer<'a> {
    /// A tensor.
    One(usize),
    /// Several tensors in one: one list of them, or one for each expert.
    Fused {
        parts: Vec<Vec<usize>>,
        are_experts: bool,
        interleaved: Option<usize>,
    },
    /// A part of a tensor.
    Part(&'a Cut),
    /// A tensor of a new layer, and the tensor to copy if it is to be a copy.
    New {
        layers: NewLayers,
        source: usize,
        /// Whether it ends a residual branch.
        ends_branch: bool,
    },
}

impl Offer<'_> {
    /// The tensors that it takes from; empty for a new layer.
    pub(in crate::transfer) fn sources(&self) -> Vec<usize> {
        match self {
            Offer::One(source) => vec![*source],
            Offer::Fused { parts, .. } => parts.concat(),
            Offer::Part(cut) => vec![cut.source],
            Offer::New { .. } => Vec::new(),
        }
    }
}

/// An offer, and the rules that were asked for it.
pub(in crate::transfer) struct Found<'a> {
    pub(in crate::transfer) offer: Option<Offer<'a>>,
    /// The rules `fuse` that match the target's name, whether or not the checkpoint has the parts.
    pub(in crate::transfer) fuses: Vec<usize>,
}
