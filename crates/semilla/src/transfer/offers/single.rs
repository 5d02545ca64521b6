//! One tensor for one target.

use super::give::Giver;
use super::window::Window;
use crate::fill::{Fill, Load, Section};
use crate::layout::{Axis, Layout};
use crate::model::{Role, Tensor};
use crate::transfer::adapt::Op;
use crate::transfer::given::Given;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

impl<'a> Giver<'a> {
    /// A tensor as it is, or as the operations make it.
    pub(super) fn single(&self, target: &Tensor, source: usize) -> Result<Given, Unmet> {
        let source = self.source.at(source);
        let layer = self.layer(target, source);
        let (load, provenance) =
            self.load(target, source, &Window::for_target(source, target), layer)?;
        let role = layer.map_or(target.role, |(target, _)| target.role);
        match self.next_layer(target, source, role) {
            Some((next, kept, axis)) => Ok(continued(target, load, provenance, next, kept, axis)),
            None => Ok(provenance.given(Fill::Load(load))),
        }
    }

    /// Where new units come from the next layer: its tensor, how many units are kept, and their
    /// axis.
    fn next_layer(
        &self,
        target: &Tensor,
        source: &Tensor,
        role: Role,
    ) -> Option<(&'a Tensor, usize, usize)> {
        let mut ops = self.rules.ops(&target.name);
        if !ops.any(|op| matches!(op, Op::Grow(grow) if grow.takes_next(role))) {
            return None;
        }
        let next = self.source.get(&next_name(&source.name)?)?;
        let axis = known_out_axis(target)?;
        let old = *source.shape.get(known_out_axis(source)?)?;
        let new = *target.shape.get(axis)?;
        (next.shape == source.shape && new > old).then_some((next, old, axis))
    }
}

/// A load whose units beyond the first `kept` are the next layer's.
fn continued(
    target: &Tensor,
    load: Load,
    provenance: Provenance,
    next: &Tensor,
    kept: usize,
    axis: usize,
) -> Given {
    let other = Load {
        tensor: next.name.clone(),
        ..load.clone()
    };
    let section = |load: Load, start: usize, len: usize| Section {
        size: len,
        fill: Fill::Load(load.narrowed(axis, start, len, &target.shape)),
    };
    let new = target.shape[axis] - kept;
    let sections = vec![section(load, 0, kept), section(other, kept, new)];
    let note = format!(
        "{}; the new units come from the next layer: the function changes",
        provenance.note
    );
    Provenance { note, ..provenance }.given(Fill::in_a_row(axis, sections))
}

/// The output axis; `None` where the layout has none.
fn known_out_axis(tensor: &Tensor) -> Option<usize> {
    let layout: Option<&Layout> = tensor.layout.as_ref();
    layout.map_or(Some(0), |layout| layout.axis(Axis::Out))
}

/// The name of a tensor in the next layer: its first number plus one.
fn next_name(name: &str) -> Option<String> {
    let mut parts: Vec<String> = name.split('.').map(str::to_owned).collect();
    let layer = parts
        .iter_mut()
        .find(|part| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty())?;
    *layer = layer.parse::<usize>().ok()?.checked_add(1)?.to_string();
    Some(parts.join("."))
}
