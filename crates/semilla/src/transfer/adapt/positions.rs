//! Absolute positions of a grid, resized.

use super::draft::Draft;
use super::grid::{name, sides, stated_or_square};
use crate::fill::{Filter, Resize};

/// A class token, a distillation token, and up to 16 registers.
const MOST_TOKENS: usize = 18;

/// Resizes the grid of positions behind its leading tokens.
pub(super) fn settle(
    prefix: Option<usize>,
    from: Option<&[usize]>,
    grid: Option<&[usize]>,
    filter: Filter,
    draft: &mut Draft<'_>,
) -> Result<(), String> {
    let axis = draft.rank().checked_sub(2);
    let axis = axis.ok_or("it has no axis of positions")?;
    let (old, new) = draft.sizes(axis);
    let same_grid = from.is_some() && from == grid;
    if draft.axes[axis].is_some() || same_grid || (old == new && from.is_none() && grid.is_none()) {
        return Ok(());
    }
    let resize = |before: usize| {
        let resize = Resize {
            before,
            from: stated_or_square(from, old.checked_sub(before))?,
            to: stated_or_square(grid, new.checked_sub(before))?,
            after: 0,
            filter,
            inverse: false,
        };
        let fits = resize.from_size() == Some(old) && resize.to_size() == Some(new);
        fits.then_some(resize)
    };
    let tried = match prefix {
        Some(prefix) => prefix..prefix.saturating_add(1),
        None => 0..MOST_TOKENS,
    };
    let mut fitting: Vec<Resize> = tried.filter_map(resize).collect();
    if fitting.len() != 1 {
        let several = match fitting.is_empty() {
            true => "do not form full grids",
            false => "form full grids in several ways",
        };
        return Err(format!(
            "{old} positions in the checkpoint and {new} in the model {several} after the same \
             number of leading tokens; state prefix, from and grid"
        ));
    }
    let resize = fitting.swap_remove(0);
    let note = format!(
        "positions {} to {} {}, leading tokens kept: {}",
        sides(&resize.from),
        sides(&resize.to),
        name(filter),
        resize.before
    );
    draft.resize(axis, resize)?;
    draft.note(note);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::transfer::fixtures::one;

    #[test]
    fn positions_need_one_way_to_be_grids() {
        let table = |rows: usize| [rows, 1];
        let resized = |from: usize, to: usize, op: &str| {
            one(("pos_embed", &table(from)), ("pos_embed", &table(to)), op)
        };
        let grown = resized(5, 10, "positions").unwrap();
        assert_eq!((grown.len(), grown[0]), (10, 0.0));
        assert!(
            resized(5, 11, "positions")
                .unwrap_err()
                .contains("do not form full grids")
        );
        assert!(resized(7, 13, "positions:prefix=1,from=[2,3],grid=[3,4]").is_ok());
        assert!(resized(7, 13, "positions:prefix=1,from=[2,3],grid=[3,5]").is_err());
    }
}
