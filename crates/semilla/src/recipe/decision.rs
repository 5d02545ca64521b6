//! The decisions of a recipe.

use std::borrow::Cow;

use crate::expression::Scalar;
use crate::fit::Fit;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::{Model, Tensor};
use crate::scheme::RateFormulas;

/// An initializer, and the reason for it.
pub(super) type Choice = (Initializer, Cow<'static, str>);

/// The reason for what a recipe does with tensors that none of its rules is for.
pub(crate) const NO_RULE: &str = "no rule matched";

/// The decisions of a recipe for the tensors of a model, and the model with what the recipe states
/// of them.
pub(crate) struct Decided<'a> {
    pub(crate) model: Cow<'a, Model>,
    /// One for each tensor, in order; `None` only where no rule matches a tensor that needs no
    /// initializer.
    pub(crate) decisions: Vec<Option<Decision>>,
}

/// The decision of a recipe for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// The initializer.
    pub(crate) initializer: Initializer,
    /// Whose definition of the fans it uses.
    pub(crate) fans: FanRule,
    /// How its numbers are fitted to the network and its data.
    pub(crate) fit: Option<Fit>,
    /// The factors on its learning rate.
    pub(crate) lr: Option<RateFormulas>,
    /// The factor on what the layer makes.
    pub(crate) multiplier: Option<Scalar>,
    /// The reason, in words.
    pub(crate) reason: String,
    /// The ground of what is only inferred of its tensor, where the decision rests on that.
    pub(crate) ground: Option<&'static str>,
}

impl Decision {
    /// A decision and its reason.
    pub(crate) fn new(initializer: Initializer, fans: FanRule, reason: impl Into<String>) -> Self {
        Self {
            initializer,
            fans,
            fit: None,
            lr: None,
            multiplier: None,
            reason: reason.into(),
            ground: None,
        }
    }

    /// The same, with the row of a table zero that stands for no token.
    pub(super) fn with_padding(self, tensor: &Tensor) -> Self {
        let rows = tensor.shape.first().copied().unwrap_or(0);
        let (Some(row), false) = (
            tensor.padding.filter(|&row| row < rows),
            matches!(
                self.initializer,
                Initializer::Padded(_) | Initializer::Zeros(_) | Initializer::Keep(_)
            ),
        ) else {
            return self;
        };
        let padded = crate::init::Padded {
            row,
            of: Box::new(self.initializer),
        };
        Self {
            initializer: padded.into(),
            reason: format!("{}; row {row} is padding", self.reason),
            ..self
        }
    }

    /// A decision for a tensor, whose reason says what it rests on where that is not known but
    /// concluded.
    pub(crate) fn of(
        tensor: &Tensor,
        initializer: Initializer,
        fans: FanRule,
        reason: impl Into<String>,
    ) -> Self {
        let reason = match (reason.into(), tensor.ground) {
            (reason, None) => reason,
            (reason, Some(ground)) if reason.is_empty() => format!("inferred: {ground}"),
            (reason, Some(ground)) => format!("{reason}; inferred: {ground}"),
        };
        Self {
            ground: tensor.ground,
            ..Self::new(initializer, fans, reason)
        }
    }
}
