//! What random weights do to signals and gradients, by theory: a graph is followed operator by
//! operator with the moments of its signals, and nothing is run.
//!
//! A signal is its mean and its kernel, the expected product of two of its elements, by how they are
//! apart: in samples, positions, units (Poole et al. 2016; Schoenholz et al. 2017; Yang 2019).
//! Gradients go back by the same kernels. Where an operator has no rule, theory ends and says so.

mod axes;
mod backward;
mod compare;
mod concentration;
mod dead;
mod edges;
mod folded;
mod formula;
mod input;
mod interpret;
mod jacobian;
mod node;
mod operands;
mod path;
mod predict;
mod prediction;
mod reach;
mod rules;
mod scale_free;
mod scaling;
mod signal;
mod spread;
mod state;
mod tangent;
mod unit;
mod weights;
mod whole;

pub use compare::Scores;
pub use input::Given;
pub use predict::predict;
pub use prediction::{End, Isometry, Predicted, Prediction, Reach, Spread, Spreads, Tangent};
pub(crate) use unit::{UnitScales, unit_scales};
pub use weights::{Pattern, WeightMoments};
