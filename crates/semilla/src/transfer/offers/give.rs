//! Turns an offer into a fill.

use super::catalog::Catalog;
use super::offer::Offer;
use crate::model::Tensor;
use crate::transfer::given::Given;
use crate::transfer::rules::Transfer;
use crate::transfer::unmet::Unmet;

/// Gives targets what a checkpoint offers, with the operations that are asked for.
pub(in crate::transfer) struct Giver<'a> {
    pub(in crate::transfer) rules: &'a Transfer,
    pub(in crate::transfer) target: &'a Catalog<'a>,
    pub(in crate::transfer) source: &'a Catalog<'a>,
    /// Whether both models are known to store weights in the same way.
    pub(in crate::transfer) one_convention: bool,
}

impl<'a> Giver<'a> {
    /// # Errors
    /// The offer does not fit the target.
    pub(in crate::transfer) fn give(
        &self,
        target: &Tensor,
        offer: &Offer<'_>,
    ) -> Result<Given, Unmet> {
        match offer {
            Offer::One(source) => self.single(target, *source),
            Offer::New {
                layers,
                source,
                ends_branch,
            } => self.new_layer(target, *layers, *source, *ends_branch),
            Offer::Part(cut) => self.part(target, cut),
            Offer::Fused {
                parts,
                are_experts: false,
                interleaved,
            } => self.fused(target, &parts.concat(), *interleaved),
            Offer::Fused {
                parts,
                are_experts: true,
                interleaved,
            } => self.experts(target, parts, *interleaved),
        }
    }

    /// The weights of the layers that two biases belong to.
    pub(super) fn layer(
        &self,
        target: &Tensor,
        source: &Tensor,
    ) -> Option<(&'a Tensor, &'a Tensor)> {
        let target = self.target.weight_beside(target)?;
        Some((target, self.source.weight_beside(source)?))
    }
}

pub(super) fn adapt_error(target: &Tensor, problem: impl Into<String>) -> Unmet {
    Unmet::Adapt {
        target: target.name.clone(),
        problem: problem.into(),
    }
}

/// The source's shape, as it is, does not fit.
pub(super) fn shape_error(target: &Tensor, source: &Tensor) -> Unmet {
    Unmet::Shape {
        target: target.name.clone(),
        shape: target.shape.clone(),
        source: source.name.clone(),
        found: source.shape.clone(),
    }
}
