//! Comparing two checkpoints.

mod change;
mod compare;
mod moved;

pub use change::{Change, Diff, TensorType};
pub use compare::diff;
