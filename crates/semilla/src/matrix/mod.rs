//! The linear algebra that initializers need, with the same bits on any CPU and any number of threads.

mod dense;
mod lanes;
mod orthogonal;
mod product;
mod reflectors;
mod singular;
mod svd;

use crate::stream::Stream;
pub(crate) use dense::{Basis, Packed, transpose};
pub(crate) use orthogonal::Orthogonal;
pub(crate) use product::Scalar;
pub use singular::{Singular, leading, singular};
pub use svd::{Svd, svd};

/// Fills `out` with a semi-orthogonal `rows` × `cols` matrix in row-major order, times `gain`: with as many
/// orthonormal rows or columns as fit, drawn uniformly (by Haar's measure) from all such matrices.
///
/// # Panics
/// If `out` does not have `rows * cols` elements.
pub fn orthogonal(stream: Stream, rows: usize, cols: usize, gain: f32, out: &mut [f32]) {
    Orthogonal::new(stream, rows, cols, gain).fill(out);
}

/// As [`orthogonal`], in double precision: other values, since these come of other normals.
///
/// # Panics
/// If `out` does not have `rows * cols` elements.
pub fn orthogonal_f64(stream: Stream, rows: usize, cols: usize, gain: f64, out: &mut [f64]) {
    Orthogonal::new(stream, rows, cols, gain).fill(out);
}

#[cfg(test)]
mod tests;
