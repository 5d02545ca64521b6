//! What a library does for each of its models.

use std::collections::HashMap;

use super::decision::Decision;
use crate::family::Blueprint;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::Tensor;

const STATED: &str = "as the model's own library starts it";
const KEPT: &str = "the model's own library keeps what its code makes: the values are kept";

/// The initial values that a library gives to the tensors of a model, as its configuration is
/// described.
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
        Some(decision(self.by_name.get(&tensor.name)?, &self.reason))
    }
}

/// The initial values that a live model's own library gives to its tensors, by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct LibraryStarts(HashMap<String, Initializer>);

impl LibraryStarts {
    pub(super) fn of<'a>(starts: impl IntoIterator<Item = (&'a str, &'a Initializer)>) -> Self {
        let starts = starts.into_iter();
        Self(
            starts
                .map(|(name, start)| (name.to_owned(), start.clone()))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `None` for a tensor that nothing is stated of.
    pub(super) fn decide(&self, tensor: &Tensor) -> Option<Decision> {
        let start = self.0.get(&tensor.name)?;
        let is_kept = matches!(start, Initializer::Keep(_));
        Some(decision(start, if is_kept { KEPT } else { STATED }))
    }

    /// The same, but for values that the library's code computes: a description says which.
    pub(super) fn decide_drawn(&self, tensor: &Tensor) -> Option<Decision> {
        let decided = self.decide(tensor)?;
        (!matches!(decided.initializer, Initializer::Keep(_))).then_some(decided)
    }
}

fn decision(initializer: &Initializer, reason: &str) -> Decision {
    Decision::new(initializer.clone(), FanRule::Pytorch, reason)
}
