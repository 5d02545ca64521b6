//! stub: From an initializer and a tensor to concrete numbers.

use super::*;
use crate::expression::{Variable, Variables};

/// What is known of a tensor's place besides the tensor itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The number of residual blocks of the model.
    pub layers: Option<usize>,
    /// The width of the model's residual stream.
    pub width: Option<usize>,
    /// The width that a recipe's numbers were tuned at.
    pub base_width: Option<usize>,
}
/// stub
#[derive(Debug, thiserror::Error)]
pub enum InitError {}
/// stub
#[derive(Debug)]
pub struct Resolved;
impl Initializer {
    /// stub
    pub fn generate<E: Element>(&self, _tensor: &Tensor, _seed: u64) -> Result<Vec<E>, InitError> {
        Ok(vec![E::default(); 256 * 784])
    }
}
struct Nothing;
impl Variables for Nothing {
    fn get(&self, _: Variable) -> Option<f64> {
        None
    }
}
