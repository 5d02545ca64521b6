//! The recipe that does what a library does for each of its models.

use std::collections::HashMap;

use super::decision::Decision;
use crate::family::Blueprint;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::Tensor;

const STATED: &str = "as the model's own library starts it";
const KEPT: &str = "the model's own library keeps what its code makes: the values are kept";

/// The initial values that a library gives to the tensors of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Library {
    /// As a live model states them.
    stated: HashMap<String, Initializer>,
    /// As the model's configuration is described.
    described: HashMap<String, Initializer>,
    reason: String,
}

impl Library {
    pub(super) fn describe(&mut self, blueprint: &Blueprint) {
        let parts = blueprint.tensors.iter();
        self.reason = format!("as {} of transformers starts", blueprint.architecture);
        self.described = parts
            .map(|part| (part.name.clone(), part.initializer.clone()))
            .collect();
    }

    pub(super) fn state(&mut self, name: &str, start: &Initializer) {
        self.stated.insert(name.to_owned(), start.clone());
    }

    /// `None` for a tensor that nothing is known of. What a live model states comes first, but that
    /// its code computes a value says less than a description that says which.
    pub(super) fn decide(&self, tensor: &Tensor) -> Option<Decision> {
        let decision = |initializer: &Initializer, reason: &str| {
            Decision::new(initializer.clone(), FanRule::Pytorch, reason)
        };
        let stated = self.stated.get(&tensor.name);
        let described = self.described.get(&tensor.name);
        match (stated, described) {
            (None | Some(Initializer::Keep(_)), Some(own)) => Some(decision(own, &self.reason)),
            (Some(kept @ Initializer::Keep(_)), None) => Some(decision(kept, KEPT)),
            (Some(stated), _) => Some(decision(stated, STATED)),
            (None, None) => None,
        }
    }
}
