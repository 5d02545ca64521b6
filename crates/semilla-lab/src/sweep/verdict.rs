//! What can be said, in one sentence.

use super::table::Table;
use crate::comparison::{Arm, Caveat, Measure, Verdict};
use crate::statistics::{Judged, SelfCheck, differ, fewest_seeds};

/// Scores of the same arms that hold up: the best, those that do not differ from it, the rest.
pub(super) fn verdict(
    table: &Table<'_>,
    arms: &[Arm],
    judged: &Judged,
    self_check: Option<&SelfCheck>,
    is_complete: bool,
) -> Verdict {
    let best = judged.order.first().copied();
    let differs = |arm: usize| best.is_some_and(|best| differ(&judged.pairs, best, arm));
    let (beaten, leaders): (Vec<usize>, Vec<usize>) =
        judged.order.iter().partition(|&&arm| differs(arm));
    let sentence = Words { table, arms }.sentence(&leaders, &beaten, judged);
    Verdict {
        sentence: match is_complete {
            true => sentence,
            false => format!("So far: {sentence}"),
        },
        leaders,
        beaten,
        caveats: caveats(table, arms, judged, self_check, is_complete),
    }
}

fn caveats(
    table: &Table<'_>,
    arms: &[Arm],
    judged: &Judged,
    self_check: Option<&SelfCheck>,
    is_complete: bool,
) -> Vec<Caveat> {
    let protocol = table.protocol;
    let mut caveats = Vec::new();
    if !is_complete {
        caveats.push(Caveat::Incomplete);
    }
    let needed = fewest_seeds(judged.pairs.len(), protocol.level);
    if protocol.finals.len() < needed {
        caveats.push(Caveat::FewSeeds { needed });
    }
    // Where rates make no difference, the edge means nothing.
    let is_at_edge = |arm: &Arm| {
        let medians = || arm.search.iter().filter_map(|searched| searched.median);
        let least = medians().fold(f64::INFINITY, f64::min);
        let most = medians().fold(f64::NEG_INFINITY, f64::max);
        arm.best.is_some() && !arm.is_interior && most - least > 2.0 * protocol.difference
    };
    let edges = arms.iter().enumerate().filter(|(_, arm)| is_at_edge(arm));
    caveats.extend(edges.map(|(arm, _)| Caveat::Edge { arm }));
    // The test is exact for a fair draw: 3 standard errors more are no chance.
    let is_off = |check: &&SelfCheck| {
        let error = (protocol.level * (1.0 - protocol.level) / check.draws as f64).sqrt();
        check.false_differences > protocol.level + 3.0 * error
    };
    if self_check.filter(is_off).is_some() {
        caveats.push(Caveat::SelfCheck);
    }
    caveats
}

struct Words<'a> {
    table: &'a Table<'a>,
    arms: &'a [Arm],
}

impl Words<'_> {
    fn sentence(&self, leaders: &[usize], beaten: &[usize], judged: &Judged) -> String {
        let seeds = judged
            .pairs
            .iter()
            .map(|pair| pair.seeds)
            .min()
            .unwrap_or(0);
        let (best, others) = match leaders {
            [] => return "nothing was trained to the end.".to_owned(),
            [best, others @ ..] => (*best, others),
        };
        let median = self.median(best);
        if beaten.is_empty() {
            let needed = judged
                .pairs
                .iter()
                .filter_map(|pair| pair.seeds_needed)
                .max();
            let needed = needed.map_or(String::new(), |needed| {
                format!(
                    " A difference of {} would take about {needed} seeds.",
                    self.amount(self.table.protocol.difference)
                )
            });
            return format!(
                "no evidence of a difference between {} with {seeds} seeds: {median} at best.{needed}",
                self.names(leaders)
            );
        }
        let worse = self.names(beaten);
        let are = if beaten.len() == 1 { "is" } else { "are" };
        match others {
            [] => format!(
                "{} is best: {median}; {worse} {are} worse.",
                self.name(best)
            ),
            _ => format!(
                "{} are best, with no evidence of a difference from {}: {median}; {worse} {are} worse.",
                self.names(leaders),
                self.name(best)
            ),
        }
    }

    fn name(&self, arm: usize) -> &str {
        &self.arms[arm].name
    }

    fn names(&self, arms: &[usize]) -> String {
        let names: Vec<&str> = arms.iter().map(|&arm| self.name(arm)).collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }

    fn median(&self, arm: usize) -> String {
        let median = self.arms[arm].quartiles.get(1).copied().flatten();
        let what = match self.table.protocol.measure {
            Measure::Accuracy => "median test accuracy",
            Measure::Loss => "median test loss",
        };
        match median {
            Some(median) => format!("{what} {}", self.amount(median)),
            None => "more than half of its trainings diverge".to_owned(),
        }
    }

    fn amount(&self, value: f64) -> String {
        match self.table.protocol.measure {
            Measure::Accuracy => format!("{:.1} %", 100.0 * value),
            Measure::Loss => semilla::number::rounded(value),
        }
    }
}
