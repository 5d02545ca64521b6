//! What training did to a model: trained weights against the start that the plan makes again.

mod compare;
mod error;
mod outputs;
mod report;
mod shape;
mod spectrum;
mod sums;
mod units;

pub use compare::{DriftOptions, drift};
pub use error::DriftError;
pub use outputs::Applied;
pub use report::{Drift, Range, Reshaped, Spectrum, TensorDrift, UnitDrift, UnitsDrift};
