//! Values on their way into a file: generated or read from checkpoints, gathered, converted to the
//! type that is written, and looked at.

mod convert;
mod elements;
mod gather;
mod health;
mod load;
mod materialize;
mod rehearse;
mod share;
mod vectors;

pub(crate) use elements::{BLOCK, Stored, e4m3, e5m2, with_float};
pub use health::Health;
pub(crate) use materialize::{Looks, write_slices};
pub use materialize::{Sources, materialize, tensors_of};
pub(crate) use rehearse::rehearse;
pub use share::{InvalidShare, Share};
pub(crate) use vectors::{Job, widest};
