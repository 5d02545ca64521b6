//! Concrete fills: the values that a plan records for a tensor, and the code that writes them.
//!
//! A [`Fill`] holds numbers only. [`Fill::prepare`] makes it ready for one tensor; from then on any
//! range of elements, or any n-dimensional [`Slice`], can be written in any order on any thread.
//!
//! Each kind of fill answers for itself (`kind.rs` has the questions) in one of the families
//! `plain`, `matrices`, `mirrored`, `mimetic`, `kernels`, `recurrent`, `positions`, `nested`,
//! `values` and `stored`. A new kind is a variant in `kinds.rs`, its text form in `format.rs`, its
//! answers in a family, and the line in `answers.rs` that leads to them.

mod along;
mod answers;
mod error;
mod format;
mod held;
mod kernels;
mod kind;
mod kinds;
mod load;
mod matrices;
mod mimetic;
mod mirrored;
mod nested;
mod norms;
mod plain;
mod positions;
mod prepared;
mod recurrent;
mod resize;
mod scale;
mod slice;
mod stored;
mod target;
mod terms;
mod values;
mod writing;

pub use along::{Along, Run};
pub use error::{BufferError, FillError};
pub use kinds::{Fill, Load, Projection, Section, StatePart};
pub(crate) use mirrored::halved;
pub use prepared::Prepared;
pub use resize::{Filter, Resize};
pub use slice::{Slice, SliceError};
pub use terms::Terms;

#[cfg(test)]
mod tests;
