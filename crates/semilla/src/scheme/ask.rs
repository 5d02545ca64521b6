//! What the model or its training must do, in words and numbers.

use serde::{Deserialize, Serialize};

use crate::expression::{ExpressionError, Scalar, Variables};
use crate::model::Side;

/// The subject of a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// The stream that a residual block adds its branch to.
    Residual,
    /// The branch of a residual block: multipliers and shifts in it.
    Branch,
    /// The scale of attention's logits.
    Attention,
    /// The model's output: logits.
    Output,
    /// Normalizations: there, gone, or elsewhere.
    Normalization,
    /// The width at which hyperparameters are tuned.
    BaseWidth,
    /// The schedule of the learning rate.
    Schedule,
    /// The decay of weights.
    WeightDecay,
}

impl Subject {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Residual => "residual",
            Subject::Branch => "branch",
            Subject::Attention => "attention",
            Subject::Output => "output",
            Subject::Normalization => "normalization",
            Subject::BaseWidth => "base_width",
            Subject::Schedule => "schedule",
            Subject::WeightDecay => "weight_decay",
        }
    }
}

/// A demand of a scheme, with its number for the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What it is about.
    pub of: Subject,
    /// The stacks of residual blocks that it is for; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// The number of residual blocks of those stacks, where the number depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// The number, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What must be done.
    pub words: String,
}

/// A demand as a recipe writes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskFormula {
    /// What it is about.
    pub of: Subject,
    /// The stacks of residual blocks that it is for; `None` for all.
    pub side: Option<Side>,
    /// The number, as an expression over what is known of the model.
    pub value: Option<Scalar>,
    /// What must be done.
    pub words: String,
}

impl AskFormula {
    /// The demand on stacks of a side with so many layers, without a number where something is not
    /// known.
    ///
    /// # Errors
    /// A number that is not finite.
    pub(crate) fn at(
        &self,
        side: Option<Side>,
        layers: Option<usize>,
        variables: &dyn Variables,
    ) -> Result<Ask, ExpressionError> {
        let value = self.value.as_ref().map(|value| value.value(variables));
        let value = match value.transpose() {
            Err(ExpressionError::Unknown { .. }) => None,
            value => value?,
        };
        Ok(Ask {
            of: self.of,
            side,
            layers,
            value,
            words: self.words.clone(),
        })
    }
}
