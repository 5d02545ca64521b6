//! Making LoRA adapters of a base's weights, as peft loads them.

mod builder;
mod error;
mod peft;
mod report;
mod work;

pub use builder::Adapter;
pub use error::AdapterError;
pub use report::{AdaptedMatrix, AdapterReport};
