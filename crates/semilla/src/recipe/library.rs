//! The recipe that does what a library does for each of its models.

use std::collections::HashMap;

use super::decision::Decision;
use crate::family::Blueprint;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::Tensor;

/// The initial values that a class of a library gives to its tensors.
#[derive(Clone, Debug)]
pub(super) struct Library {
    reason: String,
    by_name: HashMap<String, Initializer>,
}

impl Library {
    pub(super) fn of(blueprint: &Blueprint) -> Self {
        let parts = blueprint.tensors.iter();
        Self {
            reason: format!("as {} of transformers starts", blueprint.architecture),
            by_name: parts
                .map(|part| (part.name.clone(), part.initializer.clone()))
                .collect(),
        }
    }

    /// `None` for a tensor that the class does not have.
    pub(super) fn decide(&self, tensor: &Tensor) -> Option<Decision> {
        let initializer = self.by_name.get(&tensor.name)?.clone();
        Some(Decision::new(initializer, FanRule::Pytorch, &*self.reason))
    }
}
