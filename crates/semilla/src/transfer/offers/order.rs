//! The order of a source's axes in the target.

use crate::model::Tensor;

/// How the axes of source and target are ordered.
pub(super) enum Order {
    Same,
    /// For each of the target's axes the source's.
    Permuted(Vec<usize>),
    Unknown,
}

impl Order {
    /// Reads the order off the layouts, never off sizes: most matrices of a transformer are square.
    pub(super) fn of(target: &Tensor, source: &Tensor) -> Self {
        if target.shape.len() != source.shape.len() || target.shape.len() < 2 {
            return Order::Same;
        }
        let (Some(to), Some(from)) = (&target.layout, &source.layout) else {
            return match target.layout == source.layout {
                true => Order::Same,
                false => Order::Unknown,
            };
        };
        let (to, from) = (to.axes(), from.axes());
        if to.len() != target.shape.len() || from.len() != source.shape.len() {
            return Order::Unknown;
        }
        let mut is_taken = vec![false; from.len()];
        let mut axes = Vec::with_capacity(to.len());
        for axis in to {
            let found = (0..from.len()).find(|&i| !is_taken[i] && from[i] == *axis);
            let Some(found) = found else {
                return Order::Unknown;
            };
            is_taken[found] = true;
            axes.push(found);
        }
        match axes.iter().copied().eq(0..from.len()) {
            true => Order::Same,
            false => Order::Permuted(axes),
        }
    }
}
