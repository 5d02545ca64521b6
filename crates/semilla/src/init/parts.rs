//! The weights that one tensor holds, each initialized by itself.

use super::context::Resolved;
use super::error::InitError;
use super::formula::Place;
use crate::fill::{Fill, Section};
use crate::layout::Axis;
use crate::model::{Part, Tensor};

/// The parts of a tensor that holds several weights.
pub(super) struct Parts {
    parts: Vec<Part>,
    /// How often they take turns; `None` where that is not known.
    turns: Option<usize>,
}

impl Parts {
    /// The parts of a fused weight, or the blocks of equal role; `None` for a plain weight.
    pub(super) fn of(tensor: &Tensor) -> Option<Self> {
        if let Some(fused) = &tensor.fused {
            return Some(Self {
                parts: fused.parts.clone(),
                turns: fused.turns,
            });
        }
        let part = |&size: &usize| Part {
            role: tensor.role,
            size,
        };
        (tensor.blocks.len() > 1).then(|| Self {
            parts: tensor.blocks.iter().map(part).collect(),
            turns: Some(1),
        })
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.parts.len()
    }

    /// Resolves each part, by its number, as a tensor of its own, and puts them together.
    pub(super) fn each(
        &self,
        place: &Place<'_>,
        resolve: impl Fn(usize, &Place<'_>) -> Result<Resolved, InitError>,
    ) -> Result<Resolved, InitError> {
        let tensor = place.tensor;
        let out = tensor.layout.as_ref().and_then(|l| l.axis(Axis::Out));
        let axis = out.unwrap_or(0);
        let mut sizes = self.parts.iter().map(|part| part.size);
        let sum = sizes.try_fold(0usize, |n, size| n.checked_add(size));
        if sum.is_none() || sum != tensor.shape.get(axis).copied() {
            let sizes: Vec<usize> = self.parts.iter().map(|part| part.size).collect();
            return Err(place.needs(format!("blocks {sizes:?} that add up to axis {axis}")));
        }
        let one = |(index, part): (usize, &Part)| {
            let mut own = tensor.clone();
            own.blocks.clear();
            own.fused = None;
            own.role = part.role;
            own.shape[axis] = part.size;
            resolve(
                index,
                &Place {
                    tensor: &own,
                    ..*place
                },
            )
        };
        let resolved: Result<Vec<Resolved>, InitError> =
            self.parts.iter().enumerate().map(one).collect();
        self.joined(place, axis, resolved?)
    }

    fn joined(
        &self,
        place: &Place<'_>,
        axis: usize,
        resolved: Vec<Resolved>,
    ) -> Result<Resolved, InitError> {
        let first = resolved.first().ok_or_else(|| place.needs("blocks"))?;
        // Said of the whole only where it holds for every part.
        let fans = first
            .fans
            .filter(|_| resolved.iter().all(|r| r.fans == first.fans));
        let gain = first
            .gain
            .filter(|_| resolved.iter().all(|r| r.gain == first.gain));
        // Independent elements of one law need no seams, wherever the parts lie.
        let is_one_law = matches!(first.fill, Fill::Draw(_) | Fill::Constant { .. })
            && resolved.iter().all(|part| part.fill == first.fill);
        let fill = match (is_one_law, self.turns) {
            (true, _) => first.fill.clone(),
            (false, Some(turns)) => Fill::Blocks {
                axis,
                sections: self.sections(resolved),
                turns,
            },
            (false, None) => return Err(self.no_order(place)),
        };
        Ok(Resolved { fill, fans, gain })
    }

    fn sections(&self, resolved: Vec<Resolved>) -> Vec<Section> {
        let sizes = self.parts.iter().map(|part| part.size);
        let section = |(size, resolved): (usize, Resolved)| Section {
            size,
            fill: resolved.fill,
        };
        sizes.zip(resolved).map(section).collect()
    }

    fn no_order(&self, place: &Place<'_>) -> InitError {
        InitError::NoOrder {
            initializer: place.name,
            parts: self.parts.clone(),
        }
    }
}
