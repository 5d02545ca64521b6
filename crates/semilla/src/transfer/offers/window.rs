//! Boxes within a checkpoint's tensor.

use super::heads;
use crate::fill::{Along, Load, Run};
use crate::layout::Layout;
use crate::model::Tensor;

/// A box within a tensor of the checkpoint.
pub(super) struct Window {
    /// The tensor in the shape in which it is read.
    pub(super) seen: Tensor,
    /// The box's first index along each axis, and its size.
    pub(super) area: Vec<(usize, usize)>,
}

impl Window {
    pub(super) fn whole(tensor: &Tensor) -> Self {
        Self {
            area: tensor.shape.iter().map(|&size| (0, size)).collect(),
            seen: tensor.clone(),
        }
    }

    /// A tensor with or without an axis of heads, as a target has it.
    pub(super) fn for_target(tensor: &Tensor, target: &Tensor) -> Self {
        Self::whole(heads::as_in(target, tensor).as_ref().unwrap_or(tensor))
    }

    /// A tensor with a leading axis for one expert.
    pub(super) fn stacked(tensor: &Tensor) -> Self {
        let mut seen = tensor.clone();
        seen.shape.insert(0, 1);
        seen.layout = seen.layout.map(Layout::stacked);
        Self::whole(&seen)
    }

    /// One expert of a tensor, without the leading axis: a box of the tensor with its first two
    /// axes joined.
    pub(super) fn expert(tensor: &Tensor, index: usize) -> Self {
        let mut seen = tensor.clone();
        if seen.shape.len() < 2 {
            return Self::whole(tensor);
        }
        let experts = seen.shape.remove(0);
        let size = seen.shape[0];
        seen.shape[0] = experts * size;
        seen.layout = seen
            .layout
            .filter(|layout| layout.axes().len() == tensor.shape.len())
            .map(|layout| layout.without_axis(0));
        let mut window = Self::whole(&seen);
        window.area[0] = (index * size, size);
        window
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.area.iter().map(|(_, size)| *size).collect()
    }

    fn is_whole(&self) -> bool {
        self.shape() == self.seen.shape
    }

    /// Turns a load of the box, for a target of this shape, into one of the tensor.
    pub(super) fn shift(&self, load: &mut Load, target: &[usize]) -> Result<(), String> {
        if self.is_whole() {
            return Ok(());
        }
        if load.axes.is_empty() {
            load.axes = target
                .iter()
                .map(|&size| Along::Runs(vec![Run::new(0, 0, size)]))
                .collect();
        }
        for axis in 0..target.len() {
            let source = load.source_axis(axis);
            let (start, size) = self.area[source];
            match &mut load.axes[axis] {
                Along::Runs(runs) => runs.iter_mut().for_each(|run| run.from += start),
                Along::Resized(_) if size == self.seen.shape[source] => {}
                Along::Resized(_) => {
                    return Err("a part of a fused axis cannot be resized".to_owned());
                }
            }
        }
        Ok(())
    }
}
