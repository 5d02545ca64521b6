//! Tied lines.

use super::{Disposition, Line, Plan};
use crate::fill::Fill;
use crate::model::Role;
use crate::tie::{Tie, TieError};

impl Plan {
    /// Gives every tied tensor the fill and the key of the one that it is tied to, and so the same
    /// bytes, in a replay too.
    ///
    /// The ties must have passed [`check_ties`].
    ///
    /// # Errors
    /// Where the plan lacks a name, or keeps the values that the model's own file has.
    pub(super) fn tie(&mut self, ties: &[Tie]) -> Result<(), TieError> {
        for tie in ties {
            let find = |name: &str| {
                let found = self.tensors.iter().position(|line| line.name == name);
                found.ok_or_else(|| TieError::Unknown {
                    name: name.to_owned(),
                    hint: String::new(),
                })
            };
            let (own, other) = (find(&tie.name)?, find(&tie.to)?);
            if self.tensors[other].fill == Fill::Keep {
                return Err(TieError::Unlike {
                    tie: tie.clone(),
                    why: "it keeps the values of the model's file, which are already there; remove the tie".into(),
                });
            }
            let (line, model) = (&self.tensors[own], &self.tensors[other]);
            let is_grown = match &model.disposition {
                Disposition::Grown => true,
                Disposition::Adapted { by } => by.iter().any(|op| op == "grow"),
                _ => false,
            };
            let but = match is_grown && line.role == Role::Head {
                true => {
                    "; repeated inputs are not divided as a head of its own would: logits are multiplied"
                }
                false => "",
            };
            self.tensors[own] = Line {
                name: line.name.clone(),
                role: line.role,
                layout: line.layout.clone(),
                fused: line.fused.clone(),
                disposition: Disposition::Tied { to: tie.to.clone() },
                fans: None,
                gain: None,
                signal: None,
                lr: None,
                multiplier: line.multiplier,
                reason: format!("tied to {}{but}", tie.to),
                ..model.clone()
            };
        }
        Ok(())
    }
}
