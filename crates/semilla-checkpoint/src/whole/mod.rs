//! Weights that are stored in parts, put together as they are read.
//!
//! The core knows which tensors belong together ([`semilla::encoding`]); here a decoder for each
//! encoding gives the weight's elements, range by range, in a few MiB whatever its size. Formulas
//! and element types are those of the libraries that write the parts, which each decoder names.

mod bitsandbytes;
mod both;
mod checkpoint;
mod config;
mod decoder;
mod grid;
mod low_rank;
mod make;
mod mxfp4;
mod norms;
mod packed;
mod reparametrized;
mod rows;

pub(crate) use checkpoint::{Change, beside, merged, with_norms};
pub use checkpoint::{whole, whole_except};
pub(crate) use low_rank::Factors;
