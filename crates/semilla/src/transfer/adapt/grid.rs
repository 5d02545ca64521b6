//! Grids along one axis, and how they are named in notes.

use crate::fill::Filter;

/// A stated grid, or the square that has so many points.
pub(super) fn stated_or_square(
    stated: Option<&[usize]>,
    points: Option<usize>,
) -> Option<Vec<usize>> {
    match stated {
        Some(grid) => Some(grid.to_vec()),
        None => square(points?),
    }
}

fn square(points: usize) -> Option<Vec<usize>> {
    let side = points.isqrt();
    (side > 0 && side * side == points).then(|| vec![side, side])
}

/// `14×14`.
pub(super) fn sides(grid: &[usize]) -> String {
    let sides: Vec<String> = grid.iter().map(usize::to_string).collect();
    sides.join("×")
}

pub(super) fn name(filter: Filter) -> &'static str {
    match filter {
        Filter::Bicubic => "bicubic, antialiased",
        Filter::Bilinear => "bilinear, antialiased",
        Filter::BicubicPoint => "bicubic",
        Filter::BilinearPoint => "bilinear",
        Filter::Geometric => "linear at geometric distances",
    }
}
