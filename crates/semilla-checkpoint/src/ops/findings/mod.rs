//! Judging the values that a plan loaded.

mod equal;
mod figures;
mod finite;
mod fresh;
mod loaded;
mod note;
mod report;

pub use finite::{NotFinite, check_finite};
pub use note::Note;
pub use report::{Finding, Findings};
