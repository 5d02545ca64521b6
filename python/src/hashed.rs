//! Hashes of plain data, as Python asks for them.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The same for equal values, within a process.
pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
