//! The linear algebra that initializers need, with the same bits on any CPU and any number of
//! threads.

mod dense;
mod lanes;
mod orthogonal;
mod product;
mod reflectors;
mod singular;
mod svd;

pub(crate) use dense::{Basis, Packed, transpose};
pub(crate) use orthogonal::Orthogonal;
pub use orthogonal::{orthogonal, orthogonal_f64};
pub(crate) use product::Scalar;
#[cfg(test)]
pub(crate) use singular::Singular;
pub use singular::leading_values;
pub(crate) use singular::{leading, singular};
pub(crate) use svd::svd;

#[cfg(test)]
mod tests;
