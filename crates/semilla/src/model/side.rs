//! Sides of an encoder-decoder.

use serde::{Deserialize, Serialize};

/// Which part a stack of residual blocks has in a transformer: a decoder attends to an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A stack by itself: encoder-only or decoder-only models, each tower of several.
    Alone,
    /// The stack that a decoder attends to.
    Encoder,
    /// A stack that attends to another: its layers have a third branch.
    Decoder,
}

impl Side {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Alone => "alone",
            Side::Encoder => "encoder",
            Side::Decoder => "decoder",
        }
    }
}
