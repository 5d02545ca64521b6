//! Magnitudes of weight-normalized layers.

use crate::fill::Fill;
use crate::init::catalogue::WeightNorm;
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::layout::Layout;
use crate::model::{Role, Tensor};
use crate::stream::Key;

impl Formula for WeightNorm {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let own = place.tensor;
        let spatial = self.shape.len().checked_sub(2);
        let spatial =
            spatial.ok_or_else(|| place.needs("the shape of its directions (`shape`)"))?;
        // The one axis that is kept; of a vector any.
        let kept = own.shape.iter().position(|&size| size != 1).unwrap_or(0);
        let is_like = own.shape.len() == self.shape.len() || own.shape.is_empty();
        if !is_like || own.shape.get(kept) != self.shape.get(kept) {
            let needs = format!("one axis as in {:?}, the others of size 1", self.shape);
            return Err(place.needs(needs));
        }
        let name = self.directions.clone().or_else(|| directions(&own.name));
        let name = name.ok_or_else(|| place.needs("the name of its directions (`directions`)"))?;
        let directions = Tensor::new(name, self.shape.clone(), own.dtype)
            .with(Role::Conv, Layout::conv(spatial));
        let of = self.of.formula().at(&Place {
            name: self.of.name(),
            tensor: &directions,
            ..*place
        })?;
        Ok(Resolved::plain(Fill::Norms {
            axis: kept,
            of: Box::new(of.fill),
            shape: self.shape.clone(),
            key: Key::new(place.context.seed, &directions.name),
        }))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

/// The directions beside magnitudes.
fn directions(name: &str) -> Option<String> {
    let pairs = [("original0", "original1"), ("weight_g", "weight_v")];
    pairs.iter().find_map(|(own, other)| {
        let stem = name.strip_suffix(own)?;
        Some(format!("{stem}{other}"))
    })
}
