//! Finds what a checkpoint offers under a name.

use std::collections::HashMap;

use super::catalog::Catalog;
use super::offer::{Found, Offer};
use crate::model::{Model, Role, Tensor};
use crate::transfer::depth::{Layers, NewLayers};
use crate::transfer::error::TransferError;
use crate::transfer::parts::{Cut, Pattern, cuts, numbered};
use crate::transfer::rules::Transfer;

/// The tensors that a checkpoint offers, by the names that they get.
pub(in crate::transfer) struct Offers<'a> {
    /// The indices of the checkpoint's tensors.
    sources: HashMap<&'a str, usize>,
    layers: Option<Layers<'a>>,
    new: NewLayers,
    fuses: Vec<Pattern>,
    cuts: HashMap<String, Cut>,
}

impl<'a> Offers<'a> {
    /// `offered` are the indices of the checkpoint's tensors and the names that they get.
    ///
    /// # Errors
    /// A rule is not valid, a split matches nothing, or the layers cannot be mapped.
    pub(in crate::transfer) fn new(
        rules: &'a Transfer,
        target: &'a Model,
        source: &'a Model,
        offered: &'a [(usize, String)],
    ) -> Result<Self, TransferError> {
        let names = offered.iter().map(|(_, name)| name.as_str());
        let targets = target.tensors.iter().map(|tensor| tensor.name.as_str());
        let depth = rules.depth.as_ref();
        let layers = depth
            .map(|depth| depth.resolve(targets, names))
            .transpose()?;
        let fuses = rules
            .fuse
            .iter()
            .map(|fuse| Pattern::new(&fuse.target, &fuse.parts, fuse.interleaved));
        let fuses = fuses.collect::<Result<_, TransferError>>()?;
        let first = |index: usize| source.tensors[index].shape.first().copied().unwrap_or(0);
        Ok(Self {
            sources: offered
                .iter()
                .map(|(index, name)| (name.as_str(), *index))
                .collect(),
            layers,
            new: depth.map(|depth| depth.new).unwrap_or_default(),
            fuses,
            cuts: cuts(&rules.split, offered, first)?,
        })
    }

    /// Finds the offer for a target: a tensor of its name, a part of one, or several in one.
    pub(in crate::transfer) fn find(&self, target: &Tensor, targets: &Catalog<'_>) -> Found<'_> {
        let wanted = self.layers.as_ref();
        let wanted = wanted.and_then(|layers| layers.wanted(&target.name));
        let is_new = wanted.as_ref().is_some_and(|wanted| wanted.is_new);
        let name = wanted.map_or_else(|| target.name.clone(), |wanted| wanted.name);
        let whole = |offer| Found {
            offer: Some(offer),
            fuses: Vec::new(),
        };
        match self.sources.get(name.as_str()) {
            Some(&source) if is_new && self.new != NewLayers::Copy => {
                let weight = targets.weight_beside(target).unwrap_or(target);
                return whole(Offer::New {
                    layers: self.new,
                    source,
                    ends_branch: ends_branch(weight.role),
                });
            }
            Some(&source) => return whole(Offer::One(source)),
            None => {}
        }
        match self.cuts.get(&name) {
            Some(cut) => whole(Offer::Part(cut)),
            None => self.fused(&name),
        }
    }

    /// The first rule whose parts the checkpoint has.
    fn fused(&self, name: &str) -> Found<'_> {
        let mut found = Found {
            offer: None,
            fuses: Vec::new(),
        };
        for (rule, pattern) in self.fuses.iter().enumerate() {
            let Some(names) = pattern.parts(name) else {
                continue;
            };
            found.fuses.push(rule);
            let parts = self.parts(&names, pattern.is_numbered());
            if !parts.is_empty() {
                found.offer = Some(Offer::Fused {
                    parts,
                    are_experts: pattern.is_numbered(),
                    interleaved: pattern.interleaved,
                });
                break;
            }
        }
        found
    }

    /// The tensors of these names: once, or for as many experts as have all of them.
    fn parts(&self, names: &[String], are_experts: bool) -> Vec<Vec<usize>> {
        let all = |names: &[String]| -> Option<Vec<usize>> {
            let sources = names.iter().map(|name| self.sources.get(name.as_str()));
            sources.map(Option::<&usize>::copied).collect()
        };
        if !are_experts {
            return all(names).into_iter().collect();
        }
        let expert = |index| -> Vec<String> {
            let names = names.iter();
            names.map(|name| numbered(name, index)).collect()
        };
        (0..).map_while(|index| all(&expert(index))).collect()
    }

    /// The name that a target's source has, after renaming.
    pub(in crate::transfer) fn source_name(&self, target: &str) -> String {
        let layers = self.layers.as_ref();
        let wanted = layers.and_then(|layers| layers.wanted(target));
        wanted.map_or_else(|| target.to_owned(), |wanted| wanted.name)
    }

    /// Whether the map of layers leaves out the layer of this source.
    pub(in crate::transfer) fn is_left_out(&self, source: &str) -> bool {
        let layers = self.layers.as_ref();
        layers.is_some_and(|layers| layers.is_left(source))
    }
}

/// Whether a tensor whose layer has this role ends a residual branch.
fn ends_branch(role: Role) -> bool {
    matches!(
        role,
        Role::AttentionOut
            | Role::MlpOut
            | Role::ResidualOut
            | Role::LastNormWeight
            | Role::BranchScale
    )
}
