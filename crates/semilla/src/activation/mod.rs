//! Activation functions, and what they do to the signals that pass through them.
//!
//! [`Activation`] names the well-known functions. [`Function`] is any function of one variable,
//! a well-known one or a closure: its Gaussian moments, its gains, the [`MeanField`] theory of a
//! deep network built on it and its [edge of chaos](Function::edge_of_chaos) all come from their
//! definitions by quadrature. [`pytorch_gain`] and [`nfnet_gamma`] are the constants that other
//! libraries tabulate.
//!
//! ```
//! use semilla::activation::{Activation, Function, Limit, Stability};
//!
//! // What variance-preserving initialization needs before a SiLU, and what it costs.
//! let gain = Function::from(Activation::Silu).forward_gain()?;
//! assert!((gain.value - 1.676532).abs() < 1e-6);
//! assert!((gain.chi1 - 1.0666).abs() < 1e-4);
//! let Some(Limit::Fixed(point)) = gain.limit else { panic!() };
//! assert_eq!(point.stability(), Stability::Unstable);
//!
//! // The same for a function of your own.
//! let squareplus = Function::new(|x| 0.5 * (x + (x * x + 4.0).sqrt()))?;
//! println!("{}", squareplus.forward_gain()?);
//! # Ok::<(), semilla::activation::ExpectationError>(())
//! ```

mod catalogue;
mod closed;
mod correlation;
mod curve;
mod detect;
mod edge;
mod error;
mod fixed_point;
mod formulas;
mod function;
mod gain;
mod mean_field;
mod memory;
mod moments;
mod pair;
mod peers;
mod quadrature;
mod root;
#[cfg(test)]
mod testing;
mod text;

pub use catalogue::Activation;
pub use correlation::DepthScales;
pub use curve::Curve;
pub use edge::EdgeOfChaos;
pub use error::ExpectationError;
pub use fixed_point::{FixedPoint, Limit, Stability};
pub use function::Function;
pub use gain::Gain;
pub use mean_field::MeanField;
pub use moments::{Estimate, Moments};
pub use pair::Pair;
pub use peers::{UnknownGain, nfnet_gamma, pytorch_gain};
pub use text::ParseActivationError;
