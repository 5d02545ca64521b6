//! The part that source and target have in common.

use super::draft::Draft;
use crate::fill::{Along, Run};

/// Takes the indices that both sizes have, from the first on, along each axis that differs.
pub(super) fn settle(draft: &mut Draft<'_>) {
    for axis in 0..draft.rank() {
        if draft.differs(axis) {
            let (from, to) = draft.sizes(axis);
            draft.settle(axis, Along::Runs(vec![Run::new(0, 0, from.min(to))]));
        }
    }
}
