//! Weight initialization for neural networks.

pub mod activation;
mod dtype;
pub mod gaussian;

pub use activation::Activation;
pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
