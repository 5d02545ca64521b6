//! The seeds of the networks that are measured.

/// So many seeds in a row, from the first on; after the greatest number comes 0.
pub(crate) fn seeds(first: u64, count: u64) -> Vec<u64> {
    (0..count).map(|i| first.wrapping_add(i)).collect()
}
