//! What of a comparison the page holds: everything that it shows, and every number of every
//! training but the curves and layers that it does not show. Those that it shows have six digits.

use super::view::View;
use semilla_lab::{Comparison, LayerState, Run, Snapshot};

/// The places of so many snapshots that are drawn: the first, the last, and one between.
pub(super) fn moments(count: usize) -> Vec<usize> {
    spread(count, 3)
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
        match is_in(&drawn, run) {
            true => kept
                .outcome
                .curve
                .iter_mut()
                .for_each(|point| point.loss = short(point.loss)),
            false => {
                last(&mut kept.outcome.curve);
                last(&mut kept.outcome.validations);
            }
        }
        kept.outcome.layers = match is_in(&looked, run) {
            true => thinned(&run.outcome.layers),
            false => Vec::new(),
        };
        found.runs.push(kept);
    }
    found
}

/// Leaves the last one.
fn last<T>(values: &mut Vec<T>) {
    values.drain(..values.len().saturating_sub(1));
}

/// The snapshots that are drawn, with the histograms of the layers that are.
fn thinned(snapshots: &[Snapshot]) -> Vec<Snapshot> {
    let snapshot = |place: usize| {
        let mut snapshot = snapshots[place].clone();
        let drawn = places(snapshot.layers.len());
        for (layer, state) in snapshot.layers.iter_mut().enumerate() {
            shorten(state, drawn.contains(&layer));
        }
        // Of the first one, the size of every layer is drawn.
        if place > 0 {
            snapshot.layers.retain(|state| state.histogram.is_some());
        }
        snapshot
    };
    moments(snapshots.len()).into_iter().map(snapshot).collect()
}

/// Rounds the numbers of a layer; one that is not drawn loses its histograms.
fn shorten(layer: &mut LayerState, is_drawn: bool) {
    let LayerState {
        mean,
        std,
        activated,
        gradient,
        weight_gradient,
        dead,
        histogram,
        gradient_histogram,
        ..
    } = layer;
    for value in [mean, std, gradient, weight_gradient, dead] {
        *value = short(*value);
    }
    *activated = activated.map(short);
    for found in [histogram, gradient_histogram] {
        if !is_drawn {
            *found = None;
        }
        if let Some(found) = found {
            (found.low, found.high) = (short(found.low), short(found.high));
        }
    }
}

/// Six digits of a number: as many as curves and layers need.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept() {
        assert_eq!(short(4.605_170_185_988), 4.60517);
        assert_eq!(short(-1.234_567_89e-20), -1.23457e-20);
        assert!(short(f64::NAN).is_nan() && short(f64::INFINITY).is_infinite());
    }

    #[test]
    fn ends_are_always_shown() {
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(10, 4), [0, 3, 6, 9]);
        assert_eq!(spread(100, 8).last(), Some(&99));
        assert!(spread(0, 4).is_empty());
    }
}
