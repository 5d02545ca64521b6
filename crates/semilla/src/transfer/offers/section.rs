//! Sections of a tensor along an axis.

use crate::layout::Axis;
use crate::model::Tensor;

/// The axis along which projections are fused: the output's, else the first.
pub(super) fn out_axis(tensor: &Tensor) -> usize {
    let layout = tensor.layout.as_ref();
    layout
        .and_then(|layout| layout.axis(Axis::Out))
        .unwrap_or(0)
}

/// A section of a tensor, as a tensor of its own.
pub(super) fn narrowed(tensor: &Tensor, axis: usize, size: usize) -> Tensor {
    let mut narrowed = tensor.clone();
    if let Some(own) = narrowed.shape.get_mut(axis) {
        *own = size;
    }
    narrowed.blocks.clear();
    narrowed.fused = None;
    narrowed
}
