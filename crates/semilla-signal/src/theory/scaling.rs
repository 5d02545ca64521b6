//! Factors on weights that are found while a graph is followed.

use std::collections::{HashMap, HashSet};

/// Weights that are wanted, and the factors found for them so far.
#[derive(Default)]
pub(super) struct Scaling {
    pub(super) wanted: HashSet<String>,
    pub(super) found: HashMap<String, UnitScale>,
}

/// A factor on a weight.
#[derive(Clone, Copy)]
pub(crate) struct UnitScale {
    pub(crate) factor: f64,
    /// The variance of what its layer makes without it.
    pub(crate) before: f64,
}
