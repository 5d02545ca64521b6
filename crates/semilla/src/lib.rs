//! Weight initialization for neural networks.

mod dtype;

pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
