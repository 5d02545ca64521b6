//! Singular values: of the Jacobian along the main path, of what layers make, of their weights, and
//! of the tangent kernel. More work than [`measure`](crate::measure), so done where it is asked for.
//!
//! No Jacobian is ever formed: only its products with vectors, and those of its transpose, are.

mod jacobian;
mod kernel;
mod krylov;
mod layer;
mod report;
mod rotations;

pub use jacobian::Jacobian;
pub use kernel::Kernel;
pub use layer::LayerSpectrum;
pub(crate) use report::MOST_SAMPLES;
pub use report::{Spectra, spectra};
pub use rotations::singular_values;
