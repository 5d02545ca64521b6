//! Making LoRA adapters of a base's weights, as peft loads them.

mod builder;
mod error;
mod matrix;
mod peft;
mod report;
mod work;

pub use builder::Adapter;
pub use error::AdapterError;
pub use matrix::{Adapted, Matrix};
pub use report::{AdaptedMatrix, AdapterReport};
