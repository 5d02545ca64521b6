//! The part of a plan that comes from checkpoints, in numbers and names.

mod coverage;
mod report;
mod taken;

pub use coverage::Coverage;
pub use report::Transferred;
pub use taken::{Taken, taken};
