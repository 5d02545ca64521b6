//! The decision of a recipe for one tensor.

use crate::activation::Activation;
use crate::init::Initializer;
use crate::layout::{Axis, FanRule, Layout};
use crate::model::{Role, Tensor};

/// The decision of a recipe for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// The initializer.
    pub(crate) initializer: Initializer,
    /// Whose definition of the fans it uses.
    pub(crate) fans: FanRule,
    /// The layout that the recipe states, in place of the model's.
    pub(crate) layout: Option<Layout>,
    /// The role that the recipe states, in place of the model's.
    pub(crate) role: Option<Role>,
    /// The activation that the recipe states, in place of the model's.
    pub(crate) activation: Option<Activation>,
    /// The reason, in words.
    pub(crate) reason: String,
}

impl Decision {
    /// A decision that states nothing about the tensor.
    pub(crate) fn new(initializer: Initializer, fans: FanRule, reason: impl Into<String>) -> Self {
        Self {
            initializer,
            fans,
            layout: None,
            role: None,
            activation: None,
            reason: reason.into(),
        }
    }

    /// The tensor with the facts that the recipe states.
    pub(crate) fn apply_to(&self, tensor: &Tensor) -> Tensor {
        let mut tensor = tensor.clone();
        if let Some(layout) = &self.layout {
            // Blocks lie along the output axis: those of a different axis are none.
            let outputs = layout.size(Axis::Out, &tensor.shape);
            if tensor.blocks.iter().sum::<usize>() != outputs {
                tensor.blocks.clear();
            }
            tensor.layout = Some(layout.clone());
        }
        tensor.role = self.role.unwrap_or(tensor.role);
        tensor.activation = self.activation.or(tensor.activation);
        tensor
    }
}
