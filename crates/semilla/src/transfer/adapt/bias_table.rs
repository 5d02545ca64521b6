//! Tables of relative positions, resized.

use super::draft::Draft;
use super::grid::{name, sides, stated_or_square};
use crate::fill::{Filter, Resize};

/// Resizes the table of a window: (2h - 1)(2w - 1) offsets along one axis, or an axis per
/// direction.
pub(super) fn settle(
    extra: usize,
    from: Option<&[usize]>,
    window: Option<&[usize]>,
    filter: Filter,
    draft: &mut Draft<'_>,
) -> Result<(), String> {
    let resize = |from: Vec<usize>, to: Vec<usize>, after| Resize {
        before: 0,
        from,
        to,
        after,
        filter,
        inverse: false,
    };
    // Heads first: an axis per direction. Else one axis of offsets, the heads last.
    if draft.rank() == 3 && extra == 0 {
        for axis in [1, 2] {
            if draft.differs(axis) {
                let (old, new) = draft.sizes(axis);
                draft.resize(axis, resize(vec![old], vec![new], 0))?;
                draft.note(format!("{old} to {new} offsets {}", name(filter)));
            }
        }
        return Ok(());
    }
    if draft.rank() == 0 || !draft.differs(0) {
        return Ok(());
    }
    let (old, new) = draft.sizes(0);
    let grid = |window: Option<&[usize]>, rows: usize| {
        stated_or_square(window.map(offsets).as_deref(), rows.checked_sub(extra)).ok_or_else(|| {
            format!(
                "{old} rows in the checkpoint and {new} in the model, {extra} of them extra, are \
                 not both square tables; state from and window"
            )
        })
    };
    let (from, to) = (grid(from, old)?, grid(window, new)?);
    let note = format!(
        "offsets {} to {} {}, rows kept after them: {extra}",
        sides(&from),
        sides(&to),
        name(filter)
    );
    draft.resize(0, resize(from, to, extra))?;
    draft.note(note);
    Ok(())
}

/// The offsets between positions of a window, along each side.
fn offsets(window: &[usize]) -> Vec<usize> {
    let offsets = window
        .iter()
        .map(|size| size.saturating_mul(2).saturating_sub(1));
    offsets.collect()
}
