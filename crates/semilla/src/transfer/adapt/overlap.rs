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

#[cfg(test)]
mod tests {
    use crate::transfer::Transfer;
    use crate::transfer::fixtures::{adapt, load, torch};

    #[test]
    fn shapes_that_differ_are_an_error_or_overlap() {
        let source = torch(&[("embed.weight", &[10, 4]), ("fc.weight", &[4, 4])]);
        let target = torch(&[("embed.weight", &[13, 4]), ("fc.weight", &[4, 4])]);
        let error = Transfer::default()
            .align(&target, &source, true)
            .unwrap_err()
            .to_string();
        assert!(error.contains("has shape [13, 4]"), "{error}");
        let rules = Transfer {
            adapt: vec![adapt("embed.*", "overlap")],
            ..Transfer::default()
        };
        let load = load(&rules.align(&target, &source, true).unwrap(), 0);
        assert_eq!(load.elements(&[13, 4]), 40);
        assert!(
            !load.covers(&[13, 4])
                && load.fits(&[10, 4], &[13, 4])
                && !load.fits(&[9, 4], &[13, 4])
        );
    }
}
