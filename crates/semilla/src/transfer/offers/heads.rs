//! Attention's matrices with an axis of heads, as Keras and Flax store them, and without one.

use crate::layout::{Axis, Layout};
use crate::model::Tensor;

/// A checkpoint's tensor with the axis of heads that the target has, or without the one that it has
/// not: `[in, heads, size]` is `[in, heads · size]` in the same order. `None` where nothing is to
/// be done.
pub(super) fn as_in(target: &Tensor, source: &Tensor) -> Option<Tensor> {
    match (target.shape.len(), source.shape.len()) {
        (to, from) if from == to + 1 => joined(source),
        (to, from) if to == from + 1 => parted(target, source),
        _ => None,
    }
}

fn joined(source: &Tensor) -> Option<Tensor> {
    let axis = of_heads(source)?;
    let mut seen = source.clone();
    let size = seen.shape.remove(axis + 1);
    seen.shape[axis] = seen.shape[axis].checked_mul(size)?;
    seen.layout = seen.layout.map(|layout| layout.without_axis(axis + 1));
    Some(seen)
}

fn parted(target: &Tensor, source: &Tensor) -> Option<Tensor> {
    let axis = of_heads(target)?;
    let heads = [target.shape[axis], target.shape[axis + 1]];
    let mut seen = source.clone();
    let place = match (&target.layout, &source.layout) {
        (Some(to), Some(from)) => from.axis(to.axes()[axis])?,
        (None, None) => 0,
        _ => return None,
    };
    if heads[0].checked_mul(heads[1]) != Some(source.shape[place]) {
        return None;
    }
    seen.shape.splice(place..=place, heads);
    seen.layout = seen.layout.map(|layout| layout.with_axis_twice(place));
    Some(seen)
}

/// The first of the two axes that are heads and their elements.
fn of_heads(tensor: &Tensor) -> Option<usize> {
    let is_bias = || tensor.shape.len() == 2 && tensor.name.ends_with("bias");
    match &tensor.layout {
        Some(layout) => twice(layout).filter(|_| layout.axes().len() == tensor.shape.len()),
        None => is_bias().then_some(0),
    }
}

/// The first of two axes of one kind, inputs or outputs, beside each other.
fn twice(layout: &Layout) -> Option<usize> {
    let mut pairs = layout.axes().windows(2);
    pairs.position(|pair| pair[0] == pair[1] && matches!(pair[0], Axis::In | Axis::Out))
}
