//! A model's tensors by their names.

use std::collections::HashMap;

use crate::encoding::split_leaf;
use crate::model::{Model, Tensor};

/// A model's tensors by their names.
pub(in crate::transfer) struct Catalog<'a> {
    model: &'a Model,
    indices: HashMap<&'a str, usize>,
}

impl<'a> Catalog<'a> {
    pub(in crate::transfer) fn new(model: &'a Model) -> Self {
        let names = model.tensors.iter().enumerate();
        let indices = names.map(|(index, tensor)| (tensor.name.as_str(), index));
        Self {
            model,
            indices: indices.collect(),
        }
    }

    pub(in crate::transfer) fn at(&self, index: usize) -> &'a Tensor {
        &self.model.tensors[index]
    }

    pub(in crate::transfer) fn get(&self, name: &str) -> Option<&'a Tensor> {
        self.indices.get(name).map(|&index| self.at(index))
    }

    /// The weight of the layer that a bias belongs to.
    pub(super) fn weight_beside(&self, tensor: &Tensor) -> Option<&'a Tensor> {
        let (stem, leaf) = split_leaf(&tensor.name);
        let weights = ["weight", "kernel"].map(|weight| leaf.replace("bias", weight));
        let mut names = weights.iter().filter(|weight| *weight != leaf);
        names.find_map(|weight| self.get(&format!("{stem}{weight}")))
    }

    /// Whether running statistics lie beside a tensor.
    pub(super) fn has_statistics_beside(&self, name: &str) -> bool {
        let (stem, _) = split_leaf(name);
        let mut leaves = ["running_mean", "moving_mean", "mean"].iter();
        leaves.any(|leaf| self.get(&format!("{stem}{leaf}")).is_some())
    }
}
