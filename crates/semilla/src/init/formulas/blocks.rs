//! An initializer for each part of a fused weight.

use crate::fill::Fill;
use crate::init::catalogue::Blocks;
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::init::parts::Parts;

impl Formula for Blocks {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let parts = Parts::of(place.tensor);
        let parts = parts.filter(|parts| parts.count() == self.of.len());
        let parts = parts.ok_or_else(|| {
            place.needs(format!(
                "a tensor that is known to hold {} weights, one for each of its initializers",
                self.of.len()
            ))
        })?;
        // Mostly a recipe's rules for the parts, put together.
        let place = &Place {
            name: "the recipe",
            ..*place
        };
        parts.each(place, |index, part| {
            let own = &self.of[index];
            let resolved = own.formula().at(&Place {
                name: own.name(),
                ..*part
            })?;
            match resolved.fill {
                Fill::Keep => {
                    Err(place.needs("initializers that make values; keep is for a tensor"))
                }
                _ => Ok(resolved),
            }
        })
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}
