//! Values on their way from checkpoints into a file: read, gathered, converted and looked at.

mod convert;
mod elements;
mod gather;
mod health;
mod load;
mod materialize;
mod vectors;

pub use health::Health;
pub(crate) use materialize::write_slices;
pub use materialize::{InvalidRank, Rank, Sources, materialize, tensors_of};
