//! Everything that pages say, in English and in Spanish.
//!
//! A [`Text`] cannot be made of one language alone, so a missing translation does not compile.

#[macro_use]
mod words;

mod bilingual;
mod check;
pub mod compare;
mod finding;
pub mod lab;
mod name;
mod number;
mod shell;

pub use bilingual::{Lang, Text};
pub use check::*;
pub use finding::{finding, remarks, verdict};
pub(crate) use name::breakable;
pub(crate) use number::power;
pub use number::{chosen, figure, fold, percent, spanish};
pub use shell::*;
