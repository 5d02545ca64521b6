//! A different width: which units of a trained network a smaller one keeps, and which a larger one
//! repeats.
//!
//! The choice along an axis depends only on its two sizes and its structure (heads, fused blocks,
//! gates), never on the tensor, so all tensors that share a residual stream select or repeat the
//! same units of it.

mod axes;
mod grow;
mod select;
mod structure;

pub use grow::{Grow, Repeat, Shares};
pub use select::{Policy, Select};
pub use structure::{Fused, Structure};

#[cfg(test)]
mod tests;
