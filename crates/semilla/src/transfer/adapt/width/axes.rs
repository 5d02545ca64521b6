//! Which axes are widths of the network.

use crate::layout::Axis;
use crate::model::Role;
use crate::transfer::adapt::draft::Draft;

/// The axes that differ and whose size is a width of the network: not classes, words, positions or
/// a kernel's extents.
pub(super) fn width_axes(draft: &Draft<'_>) -> Vec<usize> {
    let last = draft.rank().saturating_sub(1);
    (0..draft.rank())
        .filter(|&axis| draft.differs(axis))
        .filter(|&axis| match draft.kind(axis) {
            Some(Axis::Out) => draft.role() != Role::Head,
            Some(Axis::In) => true,
            Some(_) => false,
            None => axis == last && draft.role() != Role::Head,
        })
        .collect()
}
