//! stub
use serde::{Deserialize, Serialize};
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// linear
    Linear,
    /// relu
    Relu,
}

impl Activation {
    /// stub
    pub fn gain(self) -> f64 {
        1.0
    }
}
