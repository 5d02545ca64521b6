//! Comparisons to show.

mod made;

pub(crate) use made::{comparison, large, undecided};
