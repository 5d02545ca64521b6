//! Tensors found by name.

use crate::model::names::without_output;
use crate::model::tensor::Tensor;

/// All tensors of a model, to be found by name. Files may have a million: nothing of them is
/// copied.
#[derive(Clone, Copy)]
pub(super) struct All<'a> {
    tensors: &'a [Tensor],
    /// Places in the list, sorted by name.
    by_name: &'a [usize],
}

impl<'a> All<'a> {
    pub(super) fn new(tensors: &'a [Tensor], by_name: &'a [usize]) -> Self {
        Self { tensors, by_name }
    }

    pub(super) fn find(&self, name: &str) -> Option<&'a Tensor> {
        let order = |&place: &usize| own_name(&self.tensors[place]).cmp(name);
        let found = self.by_name.binary_search_by(order).ok()?;
        Some(&self.tensors[self.by_name[found]])
    }
}

/// The places of tensors in the order of their names.
pub(super) fn sorted(tensors: &[Tensor]) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..tensors.len()).collect();
    by_name.sort_unstable_by(|&a, &b| own_name(&tensors[a]).cmp(own_name(&tensors[b])));
    by_name
}

/// The name that a framework gave: TensorFlow adds `:0`.
pub(super) fn own_name(tensor: &Tensor) -> &str {
    without_output(&tensor.name)
}
