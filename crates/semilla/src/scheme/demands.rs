//! All that a scheme asks of one model.

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::condition::Unmet;

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
