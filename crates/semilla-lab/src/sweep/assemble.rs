//! From what was trained to a comparison.

use std::collections::BTreeSet;

use super::search::{basin, best, is_interior};
use super::table::Table;
use super::verdict::verdict;
use crate::comparison::{
    Arm, Comparison, DataSummary, Measure, Predicted, Pruned, Purpose, Run, Searched, Why,
};
use crate::problem::Problem;
use crate::statistics::{Rules, SelfCheck, judge, median, quantile, self_check};

/// A comparison of all that was trained.
pub(super) fn assemble(
    problem: &Problem,
    table: &Table<'_>,
    pruned: Vec<(usize, Option<i32>, Why)>,
    predicted: Vec<Option<Predicted>>,
    is_complete: bool,
) -> Comparison {
    let protocol = table.protocol;
    let places = places(table);
    let index = |place: i32| places.iter().position(|other| *other == place).unwrap_or(0);
    let scores: Vec<Vec<f64>> = (0..table.starts.len())
        .map(|arm| table.scores(Purpose::Final, arm))
        .collect();
    let judged = judge(
        &scores,
        &Rules {
            level: protocol.level,
            power: protocol.power,
            difference: protocol.difference,
            seed: protocol.trial.seeds.weights,
        },
    );
    let target = judged.order.first().and_then(|&arm| target(table, arm));
    let arms: Vec<Arm> = predicted
        .into_iter()
        .enumerate()
        .map(|(arm, predicted)| self::arm(table, arm, &places, &scores[arm], predicted, target))
        .collect();
    let self_check = own_check(table, &scores);
    let [training, validation, test] = problem.sizes();
    let verdict = verdict(table, &arms, &judged, self_check.as_ref(), is_complete);
    let runs = table.outcomes.iter().map(|(slot, outcome)| Run {
        arm: slot.arm,
        rate: index(slot.place),
        purpose: slot.purpose,
        seed: slot.seed,
        outcome: outcome.clone(),
    });
    Comparison {
        format: 1,
        semilla: env!("CARGO_PKG_VERSION").to_owned(),
        stream: semilla::stream::VERSION,
        protocol: protocol.clone(),
        data: DataSummary {
            name: protocol.trial.data.source.clone(),
            training,
            validation,
            test,
            classes: problem.classes(),
        },
        rates: places
            .iter()
            .map(|&place| protocol.rates.rate(place))
            .collect(),
        arms,
        target,
        order: judged.order,
        pairs: judged.pairs,
        groups: judged.groups,
        verdict,
        self_check,
        pruned: pruned
            .into_iter()
            .map(|(arm, place, why)| Pruned {
                arm,
                rate: place.map(index),
                why,
            })
            .collect(),
        cost: table.cost(training),
        is_complete,
        runs: runs.collect(),
    }
}

/// The places of all rates: the first grid, and what was tried beyond it.
fn places(table: &Table<'_>) -> Vec<i32> {
    let tried = table.outcomes.keys().map(|slot| slot.place);
    let all: BTreeSet<i32> = table.protocol.rates.places().chain(tried).collect();
    all.into_iter().collect()
}

fn arm(
    table: &Table<'_>,
    arm: usize,
    places: &[i32],
    scores: &[f64],
    predicted: Option<Predicted>,
    target: Option<f64>,
) -> Arm {
    let (protocol, start) = (table.protocol, &table.starts[arm]);
    let measured = |goodness: f64| measured(protocol.measure, goodness);
    let column = table.column(Purpose::Tuning, arm);
    let search = places.iter().map(|place| {
        let scores = column.get(place).map_or(&[][..], Vec::as_slice);
        Searched {
            scores: scores.iter().copied().map(measured).collect(),
            median: median(scores).and_then(measured),
            diverged: scores.iter().filter(|score| !score.is_finite()).count(),
        }
    });
    let chosen = best(&column);
    let quartiles = [0.25, 0.5, 0.75]
        .iter()
        .filter_map(|&p| quantile(scores, p));
    let finals = || table.runs(Purpose::Final, arm).map(|(_, outcome)| outcome);
    let last: Vec<f64> = finals()
        .map(|outcome| {
            outcome
                .curve
                .last()
                .map_or(f64::NEG_INFINITY, |point| -point.loss)
        })
        .collect();
    let reached: Vec<f64> = finals()
        .map(|outcome| {
            let steps = target.and_then(|target| reached(outcome, target));
            steps.map_or(f64::NEG_INFINITY, |steps| -(steps as f64))
        })
        .collect();
    let finite = |value: f64| Some(-value).filter(|value| value.is_finite());
    Arm {
        name: start.name.clone(),
        recipe: start.recipe.clone(),
        trunk: start.trunk.clone(),
        predicted,
        search: search.collect(),
        best: chosen.and_then(|best| places.iter().position(|place| *place == best)),
        is_interior: is_interior(&column),
        basin: basin(&column, &protocol.rates, 2.0 * protocol.difference),
        finals: scores.iter().copied().map(measured).collect(),
        quartiles: quartiles.map(measured).collect(),
        training_loss: median(&last).and_then(finite),
        steps_to_target: median(&reached)
            .and_then(finite)
            .map(|steps| steps.round() as u64),
    }
}

/// A score in units of the measure; `None` of a training that diverged.
fn measured(measure: Measure, goodness: f64) -> Option<f64> {
    let value = match measure {
        Measure::Accuracy => goodness,
        Measure::Loss => -goodness,
    };
    Some(value).filter(|value| value.is_finite())
}

/// Half the way from the first to the last training loss of an arm, by the medians of its seeds.
fn target(table: &Table<'_>, arm: usize) -> Option<f64> {
    let curves = || {
        table
            .runs(Purpose::Final, arm)
            .map(|(_, outcome)| &outcome.curve)
    };
    let first: Vec<f64> = curves()
        .filter_map(|curve| Some(curve.first()?.loss))
        .collect();
    let last: Vec<f64> = curves()
        .filter_map(|curve| Some(curve.last()?.loss))
        .collect();
    Some(f64::midpoint(median(&first)?, median(&last)?))
}

/// The steps after which a training loss stays at or below a target.
fn reached(outcome: &crate::outcome::Outcome, target: f64) -> Option<u64> {
    if outcome.end != crate::outcome::End::Finished {
        return None;
    }
    let below = outcome
        .curve
        .iter()
        .rev()
        .take_while(|point| point.loss <= target);
    below.last().map(|point| point.step)
}

/// The reference against itself: its final and its other trainings together; `None` before all of
/// these are there.
fn own_check(table: &Table<'_>, scores: &[Vec<f64>]) -> Option<SelfCheck> {
    let protocol = table.protocol;
    let other = table.scores(Purpose::Check, protocol.reference);
    if other.is_empty() || other.len() < protocol.check.len() {
        return None;
    }
    let all = [&*scores[protocol.reference], &other].concat();
    let seed = protocol.trial.seeds.weights;
    self_check(&all, protocol.level, protocol.difference, seed)
}
