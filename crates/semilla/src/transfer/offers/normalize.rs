//! A whole weight for a target that is stored as direction and length.

use super::give::{Giver, adapt_error};
use super::offer::Offer;
use crate::encoding::length_axis;
use crate::fill::{Fill, Load};
use crate::model::Tensor;
use crate::transfer::given::Given;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

/// The tensor that holds the norms of another: of its slices at each index of an axis, or of all of
/// it. Readers make it when it is asked for.
///
/// ```
/// use semilla::transfer::Norms;
///
/// let norms = Norms { of: "fc.weight".into(), axis: Some(0) };
/// assert_eq!(norms.to_string(), "fc.weight (norms along axis 0)");
/// assert_eq!(Norms::parse(&norms.to_string()), Some(norms));
/// assert_eq!(Norms::parse("fc.weight"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Norms {
    /// The other tensor.
    pub of: String,
    /// The axis, in the other tensor's order.
    pub axis: Option<usize>,
}

impl Norms {
    /// Reads a name that [`Display`](std::fmt::Display) gives.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(of) = name.strip_suffix(" (norm)") {
            let of = of.to_owned();
            return Some(Self { of, axis: None });
        }
        let (of, axis) = name.strip_suffix(')')?.rsplit_once(" (norms along axis ")?;
        Some(Self {
            of: of.to_owned(),
            axis: Some(axis.parse().ok()?),
        })
    }
}

impl std::fmt::Display for Norms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.axis {
            Some(axis) => write!(f, "{} (norms along axis {axis})", self.of),
            None => write!(f, "{} (norm)", self.of),
        }
    }
}

impl Giver<'_> {
    /// The weight itself: a direction may have any length.
    pub(in crate::transfer) fn direction(
        &self,
        target: &Tensor,
        offer: &Offer<'_>,
    ) -> Result<Given, Unmet> {
        let mut given = self.give(target, offer)?;
        let note = "the direction of the weight, of any length";
        given.note = match given.note.as_str() {
            "" => note.to_owned(),
            of_ops => format!("{of_ops}; {note}"),
        };
        Ok(given)
    }

    /// The norms of the weight that `direction` takes.
    pub(in crate::transfer) fn length(
        &self,
        target: &Tensor,
        direction: &Tensor,
        offer: &Offer<'_>,
    ) -> Result<Given, Unmet> {
        let of_direction = self.give(direction, offer)?;
        let load = match &of_direction.fill {
            Fill::Load(load) if load.axes.is_empty() && load.view.is_empty() => load,
            _ => {
                let problem = "its weight is adapted, so that its norms are not the checkpoint's; \
                               let the recipe fill it (may_miss, --may-miss)";
                return Err(adapt_error(target, problem));
            }
        };
        let axis = length_axis(&target.shape, &direction.shape).ok_or_else(|| {
            let problem = "it has not one length for each index of an axis of its direction";
            adapt_error(target, problem)
        })?;
        let norms = Norms {
            of: load.tensor.clone(),
            axis: axis.map(|axis| load.source_axis(axis)),
        };
        let load = Load {
            view: target.shape.clone(),
            ..Load::whole(0, norms.to_string())
        };
        let note = "the norms of the weight, so that direction and length make it";
        Ok(Provenance::of("norms", note).given(Fill::Load(load)))
    }
}
