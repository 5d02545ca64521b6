//! An initializer's context besides its tensor, and the numbers that it resolves to.

use crate::fill::Fill;
use crate::layout::{FanRule, Fans};

/// Known facts about a tensor's surroundings, besides the tensor itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// The number of residual blocks of the model.
    pub layers: Option<usize>,
    /// The number of residual blocks of the encoder, in an encoder-decoder.
    pub encoder_layers: Option<usize>,
    /// The number of residual blocks of the decoder, in an encoder-decoder.
    pub decoder_layers: Option<usize>,
    /// The width of the model's residual stream.
    pub width: Option<usize>,
    /// The width that a recipe's numbers were tuned at.
    pub base_width: Option<usize>,
    /// Whose definition of the fans to use.
    pub fans: FanRule,
    /// The seed, for noise that several tensors share.
    pub seed: u64,
}

/// The concrete numbers of an initializer at its tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The values to write.
    pub fill: Fill,
    /// The fans that were used, if any were.
    pub fans: Option<Fans>,
    /// The gain that was used, if one was.
    pub gain: Option<f64>,
}

impl Resolved {
    /// Values that depend on neither fans nor a gain.
    pub(super) fn plain(fill: Fill) -> Self {
        Self {
            fill,
            fans: None,
            gain: None,
        }
    }
}
