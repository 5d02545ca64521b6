//! The learning rate of one arm: which is best, which to try next, which to leave out.

use std::collections::BTreeMap;

use crate::comparison::{Basin, Grid};
use crate::statistics::{differences, median, signed_rank_above};

/// What came of each rate that was tried: an arm's scores over the tuning seeds, by the rate's
/// place. More is better, −∞ is a training that diverged.
pub(super) type Column = BTreeMap<i32, Vec<f64>>;

/// The place of the best median; of equal ones, that of the best sum. `None` of no rates.
pub(super) fn best(column: &Column) -> Option<i32> {
    let key = |scores: &[f64]| {
        let finite = scores.iter().filter(|score| score.is_finite());
        (middle(scores), finite.clone().count(), finite.sum::<f64>())
    };
    let mut found: Option<(i32, (f64, usize, f64))> = None;
    for (&place, scores) in column {
        let own = key(scores);
        if found.is_none_or(|(_, most)| own.partial_cmp(&most).is_some_and(|order| order.is_gt())) {
            found = Some((place, own));
        }
    }
    found.map(|(place, _)| place)
}

/// Whether rates on both sides of the best were tried.
pub(super) fn is_interior(column: &Column) -> bool {
    best(column)
        .is_some_and(|best| column.contains_key(&(best - 1)) && column.contains_key(&(best + 1)))
}

/// The neighbour of the best rate that is still to be tried; `None` where the best is interior,
/// where the grid ends, and where rates make no difference.
pub(super) fn wanted(column: &Column, grid: &Grid, tolerance: f64) -> Option<i32> {
    let best = best(column)?;
    let most = middle(&column[&best]);
    let middles = column.values().map(|scores| middle(scores));
    let finite: Vec<f64> = middles.filter(|middle| middle.is_finite()).collect();
    let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
    if finite.len() > 1 && most - least <= tolerance {
        return None;
    }
    let neighbours = match most.is_finite() {
        true => [best - 1, best + 1],
        // All diverge: only lower rates can help.
        false => [column.keys().next().map_or(0, |lowest| lowest - 1); 2],
    };
    let is_open = |place: &i32| !column.contains_key(place) && grid.may_hold(*place);
    neighbours.into_iter().find(is_open)
}

/// The rates around the best whose median is within the tolerance of its; between rates the medians
/// are taken to lie on lines over the logarithm of the rate. `None` where the best diverges.
pub(super) fn basin(column: &Column, grid: &Grid, tolerance: f64) -> Option<Basin> {
    let best = best(column)?;
    let least = middle(&column[&best]) - tolerance;
    if !least.is_finite() {
        return None;
    }
    let end = |step: i32| {
        let mut place = best;
        loop {
            let inside = middle(&column[&place]);
            let Some(outside) = column.get(&(place + step)).map(|scores| middle(scores)) else {
                return f64::from(place);
            };
            if outside < least {
                let part = match outside.is_finite() {
                    true => (inside - least) / (inside - outside),
                    false => 0.0,
                };
                return f64::from(place) + part * f64::from(step);
            }
            place += step;
        }
    };
    let (low, high) = (end(-1), end(1));
    let rate = |place: f64| grid.first * libm::pow(grid.factor, place);
    Some(Basin {
        low: rate(low),
        high: rate(high),
        octaves: (high - low) * libm::log2(grid.factor),
        tolerance,
    })
}

/// Rates that are worse than the best one with a one-sided probability of at most this are left out
/// of the next rung: Optuna's WilcoxonPruner has the same limit.
const CLEARLY: f64 = 0.1;

/// The rates that a rung leaves out, with their probabilities: signed ranks over the seeds. The best
/// and its neighbours stay, whatever their scores.
pub(super) fn behind(rung: &Column) -> Vec<(i32, f64)> {
    let Some(best) = best(rung) else {
        return Vec::new();
    };
    let others = rung.iter().filter(|(place, _)| (*place - best).abs() > 1);
    let tested = others.map(|(&place, scores)| {
        let p = signed_rank_above(&differences(&rung[&best], scores));
        (place, p)
    });
    tested.filter(|(_, p)| *p <= CLEARLY).collect()
}

fn middle(scores: &[f64]) -> f64 {
    median(scores).unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        first: 0.01,
        factor: 2.0,
        count: 4,
        extension: 2,
    };
    const WORST: f64 = f64::NEG_INFINITY;

    fn column(scores: &[(i32, f64)]) -> Column {
        scores
            .iter()
            .map(|&(place, score)| (place, vec![score; 3]))
            .collect()
    }

    #[test]
    fn the_search_goes_on_until_the_best_is_interior() {
        let mut found = column(&[(0, 0.2), (1, 0.5), (2, 0.7), (3, 0.9)]);
        assert_eq!(
            (best(&found), wanted(&found, &GRID, 0.02)),
            (Some(3), Some(4))
        );
        found.insert(4, vec![0.95; 3]);
        assert_eq!(wanted(&found, &GRID, 0.02), Some(5));
        found.insert(5, vec![WORST; 3]);
        assert!(is_interior(&found));
        assert_eq!(wanted(&found, &GRID, 0.02), None);
        found.insert(5, vec![0.97; 3]);
        assert_eq!(
            (wanted(&found, &GRID, 0.02), is_interior(&found)),
            (None, false)
        );
    }

    #[test]
    fn rates_that_make_no_difference_are_not_searched() {
        let flat = column(&[(0, 0.1), (1, 0.11), (2, 0.1), (3, 0.1)]);
        assert_eq!(wanted(&flat, &GRID, 0.02), None);
        let hopeless = column(&[(0, WORST), (1, WORST)]);
        assert_eq!(wanted(&hopeless, &GRID, 0.02), Some(-1));
        // One rate that does not diverge says nothing of lower ones.
        let one = column(&[(0, 0.1), (1, WORST)]);
        assert_eq!(wanted(&one, &GRID, 0.02), Some(-1));
        let low = column(&[(0, 0.9), (1, 0.8), (2, WORST), (3, WORST)]);
        assert_eq!(wanted(&low, &GRID, 0.02), Some(-1));
    }

    #[test]
    fn divergence_ranks_by_the_median() {
        let mut found = column(&[(0, 0.5)]);
        found.insert(1, vec![0.9, 0.9, WORST]);
        assert_eq!(best(&found), Some(1));
        found.insert(1, vec![0.9, WORST, WORST]);
        assert_eq!(best(&found), Some(0));
        assert_eq!(best(&Column::new()), None);
    }

    #[test]
    fn basins_are_interpolated() {
        let found = column(&[(0, 0.50), (1, 0.89), (2, 0.90), (3, WORST)]);
        let basin = basin(&found, &GRID, 0.02).unwrap();
        // 0.01 of 0.39 down from place 1 to place 0; nothing beyond place 2.
        assert!(
            (basin.octaves - (1.0 + 0.01 / 0.39)).abs() < 1e-12,
            "{basin:?}"
        );
        assert_eq!(basin.high, 0.04);
        assert_eq!(super::basin(&column(&[(0, WORST)]), &GRID, 0.02), None);
    }

    #[test]
    fn rungs_leave_out_what_is_clearly_behind() {
        let mut rung: Column = (0..5).map(|place| (place, vec![0.1; 4])).collect();
        rung.insert(1, vec![0.8, 0.9, 0.85, 0.9]);
        rung.insert(4, vec![0.2, 0.95, 0.1, 0.3]);
        // 0 and 2 are neighbours; 4 won with one seed.
        assert_eq!(behind(&rung), [(3, 1.0 / 16.0)]);
        // Three seeds show nothing.
        let few: Column = (0..5)
            .map(|place| (place, vec![f64::from(place); 3]))
            .collect();
        assert!(behind(&few).is_empty());
    }
}
