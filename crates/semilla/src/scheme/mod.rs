//! What a scheme asks of a model and of its training, beyond the weights themselves.
//!
//! muP scales learning rates and outputs, DeepNorm multiplies the residual stream, Fixup and
//! T-Fixup want no normalizations. A recipe says so as data (`lr` and `multiplier` of a rule, tables
//! `[[ask]]`, the list `needs`), and a plan holds the numbers for its model: [`Scheme`] for the
//! whole, [`Rates`] and a multiplier for each tensor.

mod ask;
mod condition;
mod rates;

pub use ask::{Ask, AskFormula, Subject};
pub(crate) use condition::Asked;
pub use condition::{Condition, Unmet};
pub use rates::{Optimizer, RateFormulas, Rates};

use serde::{Deserialize, Serialize};

/// What a scheme asks beyond weights, and which of its conditions a model does not meet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// What the model and its training must do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// Conditions that the model does not meet, as far as its tensors show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<Unmet>,
}

impl Scheme {
    /// Whether it asks for nothing and misses nothing.
    pub fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.unmet.is_empty()
    }
}
