//! What of a comparison the page holds: everything that it shows, and every number of every
//! training but the curves and layers that it does not show.

use super::view::View;
use semilla_lab::{Comparison, LayerState, Run, Snapshot};

/// The places of so many snapshots that are drawn: the first, the last, and one or two between.
pub(super) fn moments(count: usize) -> Vec<usize> {
    spread(count, 4)
}

/// The places of so many layers that are drawn.
pub(crate) fn places(count: usize) -> Vec<usize> {
    spread(count, 8)
}

/// At most so many places, evenly spread from the first to the last.
fn spread(count: usize, most: usize) -> Vec<usize> {
    match count > most {
        true => (0..most)
            .map(|place| place * (count - 1) / (most - 1))
            .collect(),
        false => (0..count).collect(),
    }
}

/// The comparison with the curves and layers that are shown.
pub(super) fn shown(view: View<'_>) -> Comparison {
    let mut found = Comparison {
        runs: Vec::new(),
        ..view.comparison.clone()
    };
    let arms = 0..view.comparison.arms.len();
    let drawn: Vec<&Run> = arms.clone().flat_map(|place| view.runs(place)).collect();
    let looked: Vec<&Run> = arms
        .filter_map(|place| {
            let mut runs = view.runs(place).into_iter();
            runs.find(|run| !run.outcome.layers.is_empty())
        })
        .collect();
    let is_in = |runs: &[&Run], run: &Run| runs.iter().any(|known| std::ptr::eq(*known, run));
    for run in &view.comparison.runs {
        let mut kept = run.clone();
        if !is_in(&drawn, run) {
            kept.outcome.curve.clear();
        }
        kept.outcome.layers = match is_in(&looked, run) {
            true => thinned(&run.outcome.layers),
            false => Vec::new(),
        };
        found.runs.push(kept);
    }
    found
}

/// The snapshots that are drawn, with the histograms of the layers that are.
fn thinned(snapshots: &[Snapshot]) -> Vec<Snapshot> {
    let snapshot = |place: usize| {
        let mut snapshot = snapshots[place].clone();
        let drawn = places(snapshot.layers.len());
        let is_hidden = |layer: &usize| !drawn.contains(layer);
        for layer in (0..snapshot.layers.len()).filter(is_hidden) {
            let LayerState {
                histogram,
                gradient_histogram,
                ..
            } = &mut snapshot.layers[layer];
            (*histogram, *gradient_histogram) = (None, None);
        }
        snapshot
    };
    moments(snapshots.len()).into_iter().map(snapshot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_always_shown() {
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(10, 4), [0, 3, 6, 9]);
        assert_eq!(spread(100, 8).last(), Some(&99));
        assert!(spread(0, 4).is_empty());
    }
}
