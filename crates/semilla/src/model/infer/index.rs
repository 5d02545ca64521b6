//! Tensors found by name.

use crate::model::names::without_output;
use crate::model::tensor::Tensor;

/// All tensors of a model, to be found by name. Files may have a million, so they are not copied.
#[derive(Clone, Copy)]
pub(super) struct All<'a> {
    pub(super) tensors: &'a [Tensor],
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

    /// The tensor of this leaf beside one: `bn.bias` beside `bn.weight`.
    pub(super) fn beside(&self, text: &str, leaf: &str) -> Option<&'a Tensor> {
        self.find(&format!("{}{leaf}", stem(text)))
    }

    /// The tensors whose names begin so, in the order of their names.
    pub(super) fn under(&self, prefix: &str) -> impl Iterator<Item = &'a Tensor> {
        let first = self
            .by_name
            .partition_point(|&place| own_name(&self.tensors[place]) < prefix);
        let (tensors, prefix) = (self.tensors, prefix.to_owned());
        let rest = self.by_name[first..].iter().map(move |&at| &tensors[at]);
        rest.take_while(move |tensor| own_name(tensor).starts_with(&prefix))
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

/// A name without its last part, up to and with the dot or slash.
pub(super) fn stem(text: &str) -> &str {
    text.rfind(['.', '/']).map_or("", |at| &text[..=at])
}
