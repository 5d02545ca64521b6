//! A load in the making.

use crate::fill::{Along, Load, Resize, Run};
use crate::layout::Axis;
use crate::model::{Role, Tensor};
use crate::transfer::provenance::Provenance;

/// A load in the making: which of its axes are settled, by which operations, and why.
pub(in crate::transfer) struct Draft<'a> {
    pub(in crate::transfer) target: &'a Tensor,
    /// The checkpoint's tensor as it is stored.
    pub(in crate::transfer) source: &'a Tensor,
    /// For a bias, the weights of the target's and of the source's layer.
    pub(in crate::transfer) layer: Option<(&'a Tensor, &'a Tensor)>,
    /// Whether the target's layer has running statistics.
    pub(in crate::transfer) is_batch_norm: bool,
    /// The shape in which the source is read, in the target's order of axes.
    pub(in crate::transfer) found: Vec<usize>,
    pub(in crate::transfer) load: Load,
    /// For each of the target's axes what is settled.
    pub(in crate::transfer) axes: Vec<Option<Along>>,
    /// The operations that changed something.
    pub(in crate::transfer) by: Vec<String>,
    pub(in crate::transfer) notes: Vec<String>,
}

impl<'a> Draft<'a> {
    /// The load, if every axis fits.
    pub(in crate::transfer) fn finish(mut self) -> Option<(Load, Provenance)> {
        let fits = |axis: usize| self.axes[axis].is_some() || self.sizes_agree(axis);
        if !(0..self.axes.len()).all(fits) {
            return None;
        }
        if self.axes.iter().any(Option::is_some) {
            let axes = self.axes.into_iter().zip(&self.target.shape);
            let whole = |size: usize| Along::Runs(vec![Run::new(0, 0, size)]);
            self.load.axes = axes
                .map(|(along, &size)| along.unwrap_or_else(|| whole(size)))
                .collect();
        }
        self.notes.dedup();
        let (by, note) = (self.by, self.notes.join("; "));
        Some((self.load, Provenance { by, note }))
    }

    /// Settles an axis.
    pub(super) fn settle(&mut self, axis: usize, along: Along) {
        self.axes[axis] = Some(along);
    }

    /// Settles an axis as a resized grid.
    pub(super) fn resize(&mut self, axis: usize, resize: Resize) -> Result<(), String> {
        let (from, to) = self.sizes(axis);
        if let Some(problem) = resize.problem(to) {
            return Err(problem);
        }
        if resize.from_size() != Some(from) {
            return Err(format!(
                "the grid {:?} does not have the {from} points of the checkpoint's axis",
                resize.from
            ));
        }
        self.settle(axis, Along::Resized(resize));
        Ok(())
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Lists an operation that changed something.
    pub(super) fn changed_by(&mut self, name: &str) {
        if self.by.last().is_none_or(|last| last != name) {
            self.by.push(name.to_owned());
        }
    }

    /// How many axes are settled and how many notes are written: an operation that changes
    /// something adds to one of them.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.axes.iter().flatten().count(), self.notes.len())
    }

    /// The number of axes.
    pub(super) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// The first axis of a kind.
    pub(super) fn axis(&self, kind: Axis) -> Option<usize> {
        self.target.layout.as_ref()?.axis(kind)
    }

    /// The checkpoint's size of an axis, and the model's.
    pub(super) fn sizes(&self, axis: usize) -> (usize, usize) {
        (self.found[axis], self.target.shape[axis])
    }

    /// Whether an axis is not settled yet and its sizes differ.
    pub(super) fn differs(&self, axis: usize) -> bool {
        self.axes[axis].is_none() && !self.sizes_agree(axis)
    }

    fn sizes_agree(&self, axis: usize) -> bool {
        self.found.get(axis) == self.target.shape.get(axis)
    }

    /// An axis's kind; a vector's is its layer's output.
    pub(super) fn kind(&self, axis: usize) -> Option<Axis> {
        match &self.target.layout {
            Some(layout) => layout.axes().get(axis).copied(),
            None if self.axes.len() == 1 => Some(Axis::Out),
            None => None,
        }
    }

    /// The weight of the target's layer, or the target itself.
    pub(super) fn weight(&self) -> &'a Tensor {
        self.layer.map_or(self.target, |(target, _)| target)
    }

    /// The role of the target's layer.
    pub(super) fn role(&self) -> Role {
        self.weight().role
    }

    /// The blocks that the output axes of source and target are made of.
    pub(super) fn blocks(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        let (target, source) = self.layer.unwrap_or((self.target, self.source));
        let (old, new) = (source.blocks.clone(), target.blocks.clone());
        (old.len() > 1 && old.len() == new.len()).then_some((old, new))
    }

    /// Whether the target normalizes over features, not over a batch.
    pub(super) fn normalizes_features(&self) -> bool {
        matches!(self.target.role, Role::NormWeight | Role::LastNormWeight) && !self.is_batch_norm
    }
}
