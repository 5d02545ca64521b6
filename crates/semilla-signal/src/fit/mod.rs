//! Numbers of a plan that are found by looking at its network: layer-sequential unit variance, by
//! runs or by theory, balanced gradients, data-dependent biases.
//!
//! A recipe's rule asks for them beside its initializer (`fit = "lsuv"`; [`Fit`](semilla::Fit)
//! lists all). [`fit`] runs the network and answers what it found; [`Plan::put`] writes that into
//! the plan, which is then like any other.
//!
//! [`Plan::put`]: semilla::Plan::put

mod analytic;
mod balance;
mod by_layer;
mod error;
mod labels;
mod resolve;

pub use error::FitError;
pub use resolve::{Fitting, fit};
