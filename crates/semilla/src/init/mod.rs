//! Initializers: what a user names, with its formula, its defaults and its paper.
//!
//! An [`Initializer`] is a choice that does not know its tensor yet. Together with a tensor's
//! shape, layout and place it becomes a [`Fill`](crate::Fill), the concrete numbers that a plan
//! records.
//!
//! Each initializer is a struct of its parameters with a function that makes it and a setter for
//! each parameter:
//!
//! ```
//! use semilla::{Tensor, init};
//! use semilla::init::Mode::FanOut;
//!
//! let layer = Tensor::linear("fc.weight", 784, 256);
//! let weights: Vec<f32> = init::kaiming_normal().mode(FanOut).generate(&layer, 0)?;
//! assert_eq!(weights.len(), 256 * 784);
//! # Ok::<(), semilla::InitError>(())
//! ```
//!
//! In text, an initializer is its name, with the parameters that are not the defaults:
//!
//! ```
//! use semilla::{Initializer, init};
//!
//! let small = Initializer::from(init::normal().std(0.02));
//! assert_eq!(small.to_string(), "normal(std=0.02)");
//! assert_eq!("normal(std=0.02)".parse(), Ok(small));
//! assert_eq!("xavier".parse(), Ok(Initializer::from(init::xavier_uniform())));
//! ```

mod catalogue;
mod context;
mod declare;
mod error;
mod formula;
mod formulas;
mod names;
mod parameters;
mod parts;
mod resolve;
mod table;
mod value;

pub use catalogue::*;
pub use context::{Context, Resolved};
pub use error::InitError;
pub(crate) use formula::variables;
pub use names::ParseInitializerError;
pub use parameters::{Bounds, Mode, Projection, Shape, Sides, StatePart};
