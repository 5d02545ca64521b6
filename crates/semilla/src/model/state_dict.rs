//! The tensors of a model, in order.

use serde::{Deserialize, Serialize};

use super::facts::Evidence;
use super::tensor::Tensor;

/// The tensors of a network, in the order of its state dict, and what is known of the whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The tensors.
    pub tensors: Vec<Tensor>,
    /// The number of residual blocks (transformer layers, residual units) in the highest stack;
    /// `None` where none were found.
    pub layers: Option<usize>,
    /// The width of the residual stream; `None` where none was found.
    pub width: Option<usize>,
    /// The evidence besides names and shapes that it was derived from.
    #[serde(skip)]
    pub evidence: Evidence,
}
