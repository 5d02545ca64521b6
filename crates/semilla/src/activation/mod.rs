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
//! let Limit::Fixed(point) = gain.limit else { panic!() };
//! assert_eq!(point.stability(), Stability::Unstable);
//!
//! // The same for a function of your own.
//! let squareplus = Function::new(|x| 0.5 * (x + (x * x + 4.0).sqrt()))?;
//! println!("{}", squareplus.forward_gain()?);
//! # Ok::<(), semilla::activation::ExpectationError>(())
//! ```

mod catalogue;
mod detect;
mod function;
mod mean_field;
mod peers;
mod quadrature;

pub use catalogue::{Activation, ParseActivationError};
pub use function::{Estimate, ExpectationError, Function, Moments};
pub use mean_field::{DepthScales, EdgeOfChaos, FixedPoint, Gain, Limit, MeanField, Stability};
pub use peers::{UnknownGain, nfnet_gamma, pytorch_gain};
