//! Figures of given weights, and the initializer that they are consistent with.
//!
//! Nothing here reads files: values arrive in any number of pieces, and the result is the same up
//! to rounding.

mod collector;
mod identify;
mod orthogonal;
mod probability;
mod recognize;

pub use collector::{Collector, Summary};
pub use identify::{Match, identify};
pub use orthogonal::orthogonal_gain;
pub use recognize::recognize;
