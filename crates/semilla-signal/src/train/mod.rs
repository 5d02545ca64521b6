//! A few steps of training: a network whose weights change, losses, optimizers; and what the first
//! steps show of the weights that they start from.
//!
//! [`first_step`] looks at the initial loss and the first update of each layer; [`coordinates`] is
//! muP's coordinate check over widths. [`Training`] goes on from there.

mod coordinates;
mod error;
mod first_step;
mod labels;
mod loss;
mod network;
mod optimizer;
mod parts;
mod slope;
mod training;

pub use coordinates::{Coordinate, Coordinates, coordinates};
pub use error::TrainError;
pub use first_step::{FirstStep, LayerStep, StepFinding, first_step};
pub use labels::{LabelSource, Labels};
pub use loss::{Loss, Lost};
pub use network::{Network, Parameter};
pub use optimizer::{Optimizer, Stepper};
pub use slope::Slope;
pub use training::{Graded, Training};
