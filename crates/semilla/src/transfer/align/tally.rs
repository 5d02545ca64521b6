//! Which rules had an effect.

use crate::transfer::depth::NewLayers;
use crate::transfer::error::TransferError;
use crate::transfer::offers::Offer;
use crate::transfer::rules::Transfer;

/// Which of the rules that depend on targets had an effect.
pub(super) struct Tally {
    /// For each rule `fuse`, whether it matched a target that the checkpoint does not have whole.
    fuses: Vec<bool>,
    /// Whether there are new layers whose branches are to end in zero, and one of them does.
    zero_layers: bool,
    zero_ends: bool,
}

impl Tally {
    pub(super) fn new(rules: &Transfer) -> Self {
        Self {
            fuses: vec![false; rules.fuse.len()],
            zero_layers: false,
            zero_ends: false,
        }
    }

    pub(super) fn count_fuses(&mut self, matching: &[usize]) {
        for &rule in matching {
            self.fuses[rule] = true;
        }
    }

    pub(super) fn count_new_layer(&mut self, offer: &Offer<'_>) {
        if let Offer::New {
            layers: NewLayers::Zero,
            ends_branch,
            ..
        } = offer
        {
            self.zero_layers = true;
            self.zero_ends |= ends_branch;
        }
    }

    /// # Errors
    /// A fuse matched nothing, or new layers that are to end in zero have no known end.
    pub(super) fn check(&self, rules: &Transfer) -> Result<(), TransferError> {
        if let Some(depth) = rules.depth.as_ref()
            && self.zero_layers
            && !self.zero_ends
        {
            return Err(TransferError::Depth {
                layers: depth.layers.clone(),
                problem:
                    "the names of the new layers do not show where a residual branch ends, so \
                          nothing can be zero"
                        .to_owned(),
            });
        }
        let unfired = self.fuses.iter().position(|fired| !fired);
        match unfired {
            None => Ok(()),
            Some(rule) => Err(TransferError::Unfired {
                what: "fuse",
                rule: rules.fuse[rule].target.clone(),
                side: "model that the checkpoint does not already have whole",
                hint: String::new(),
            }),
        }
    }
}
