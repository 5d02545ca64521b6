//! Adapters of peft, merged into their base.

mod config;
mod error;
mod keys;
mod merging;

pub use error::MergeError;
pub use merging::{Merge, MergeReport, Merged};
