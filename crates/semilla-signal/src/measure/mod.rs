//! What happens to signals: activations on their way forward, gradients on their way back.
//!
//! [`measure`] runs a graph once and looks at each layer; [`Verdict`] judges several measurements,
//! which differ in the weights' seed.

mod batch;
mod check;
mod directions;
pub(crate) mod flow;
mod health;
mod histogram;
mod input_spec;
pub(crate) mod layers;
pub(crate) mod measurement;
mod path;
mod recorded;
mod spectra;
mod statistics;
mod trouble;
mod verdict;

pub use batch::{Batch, BatchError};
pub use check::{Report, check};
pub use health::Health;
pub use histogram::Histogram;
pub use input_spec::InputSpec;
pub(crate) use measurement::NORMALIZED;
pub use measurement::{Layer, Measurement, Point, measure};
pub use path::main_path;
pub use recorded::Recorded;
pub(crate) use spectra::MOST_SAMPLES;
pub use spectra::{Jacobian, Kernel, LayerSpectrum, Spectra, singular_values, spectra};
pub use statistics::{Backward, Forward};
pub use trouble::Trouble;
pub use verdict::{Finding, Verdict};
