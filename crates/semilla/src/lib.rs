//! Weight initialization for neural networks.

mod distribution;
mod dtype;
pub mod gaussian;
pub mod matrix;
pub mod stream;

pub use distribution::{Distribution, DistributionError, Sampler};
pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
