//! Prefixes that differ between a checkpoint's names and a model's.

mod pair;
mod search;

pub use pair::Prefixes;
pub(super) use search::best_prefixes;
