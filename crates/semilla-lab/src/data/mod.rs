//! Data: built in, made by a formula, or read from files.

mod digits;
mod generated;
mod mnist1d;
mod parity;
mod random;
mod seen;
mod source;
mod spec;
mod spirals;

pub use seen::Seen;
pub use spec::DataSpec;

pub(crate) use random::Random;
pub(crate) use source::read;
