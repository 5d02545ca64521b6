//! What can be said, in one sentence.

use semilla::number::counted;

use super::table::Table;
use crate::comparison::{Arm, Caveat, Measure, Protocol, Verdict};
use crate::statistics::{Judged, Pair, SelfCheck, differ, differ_among, fewest_seeds};

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
    let protocol = table.protocol;
    let sentence = Words { protocol, arms }.sentence(&leaders, &beaten, &judged.pairs);
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
    protocol: &'a Protocol,
    arms: &'a [Arm],
}

impl Words<'_> {
    fn sentence(&self, leaders: &[usize], beaten: &[usize], pairs: &[Pair]) -> String {
        let Some((&best, others)) = leaders.split_first() else {
            return "nothing was trained to the end.".to_owned();
        };
        let (name, median) = (self.name(best), self.median(best));
        if pairs.is_empty() {
            return format!("{name} is the only start that was trained: {median}.");
        }
        if pairs.iter().all(|pair| !pair.is_different) {
            let seeds = pairs.iter().map(|pair| pair.seeds).min().unwrap_or(0);
            return format!(
                "no evidence of a difference between {} with {}: {median} at best.{}",
                self.names(leaders),
                counted(seeds as u64, "seed", "seeds"),
                self.needed(pairs),
            );
        }
        let are = if beaten.len() == 1 { "is" } else { "are" };
        let worse = match beaten {
            [] => String::new(),
            _ => format!("; {} {are} worse", self.names(beaten)),
        };
        if others.is_empty() {
            return format!("{name} is best: {median}{worse}.");
        }
        // Without a difference from the best there may be one between two of the others.
        let apart = match differ_among(pairs, others) {
            true => ", though some of these differ from each other",
            false => "",
        };
        format!(
            "{name} comes out first: {median}{worse}; no evidence of a difference between it and \
             {}{apart}.",
            self.names(others)
        )
    }

    /// How many seeds a difference that matters would take.
    fn needed(&self, pairs: &[Pair]) -> String {
        let needed = pairs.iter().filter_map(|pair| pair.seeds_needed).max();
        needed.map_or(String::new(), |needed| {
            format!(
                " A difference of {} would take about {}.",
                self.amount(self.protocol.difference),
                counted(needed as u64, "seed", "seeds")
            )
        })
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
        let what = match self.protocol.measure {
            Measure::Accuracy => "median test accuracy",
            Measure::Loss => "median test loss",
        };
        match median {
            Some(median) => format!("{what} {}", self.amount(median)),
            None => "more than half of its trainings diverge".to_owned(),
        }
    }

    fn amount(&self, value: f64) -> String {
        match self.protocol.measure {
            Measure::Accuracy => format!("{:.1} %", 100.0 * value),
            Measure::Loss => semilla::number::rounded(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataSpec;
    use crate::problem::Problem;
    use crate::statistics::{Rules, judge};
    use crate::sweep::plan::{Settings, protocol};
    use crate::trial::Trial;

    /// What is said of arms called A, B, C...
    fn said(scores: &[Vec<f64>]) -> String {
        let trial = Trial::from_json(
            r#"{"model": "mlp:2-4-2:tanh", "recipe": "auto", "data": {"source": "spirals"},
                "optimizer": "momentum", "rate": 0.1, "steps": 1}"#,
        )
        .unwrap();
        let problem = Problem::load(&trial.model, &DataSpec::of("spirals"), None).unwrap();
        let protocol = protocol(&problem, trial, &Settings::default());
        let arm = |place: usize| Arm {
            name: char::from(b'A' + place as u8).to_string(),
            recipe: String::new(),
            trunk: None,
            predicted: None,
            search: Vec::new(),
            best: None,
            is_interior: true,
            basin: None,
            finals: Vec::new(),
            quartiles: vec![Some(0.5); 3],
            training_loss: None,
            steps_to_target: None,
        };
        let arms: Vec<Arm> = (0..scores.len()).map(arm).collect();
        let rules = Rules {
            level: 0.05,
            power: 0.8,
            difference: 0.01,
            seed: 0,
        };
        let judged = judge(scores, &rules);
        let differs = |arm: usize| differ(&judged.pairs, judged.order[0], arm);
        let (beaten, leaders): (Vec<usize>, Vec<usize>) =
            judged.order.iter().partition(|&&arm| differs(arm));
        let words = Words {
            protocol: &protocol,
            arms: &arms,
        };
        words.sentence(&leaders, &beaten, &judged.pairs)
    }

    #[test]
    fn what_is_said_is_true_of_every_pair() {
        // A and B differ from C by little and always; D wavers around all of them.
        let level = |by: f64| (0..10).map(|i| by + 0.001 * f64::from(i)).collect();
        let wavering: Vec<f64> = (0..10)
            .map(|i| 0.9 + 0.1 * f64::from(i % 2 * 2 - 1))
            .collect();
        assert_eq!(
            said(&[level(0.9), level(0.8)]),
            "A is best: median test accuracy 50.0 %; B is worse."
        );
        assert!(said(&[level(0.9)]).starts_with("A is the only start"));
        assert!(said(&[level(0.9), level(0.9)]).starts_with("no evidence of a difference between"));
        let three = said(&[level(0.901), wavering.clone(), level(0.9)]);
        assert_eq!(
            three,
            "A comes out first: median test accuracy 50.0 %; C is worse; no evidence of a \
             difference between it and B."
        );
        // The first differs from none, and two of the others from each other.
        let first = wavering
            .iter()
            .map(|score| 0.95 + 3.0 * (score - 0.9))
            .collect();
        let apart = said(&[level(0.9), level(0.8), first]);
        assert_eq!(
            apart,
            "C comes out first: median test accuracy 50.0 %; no evidence of a difference between \
             it and A and B, though some of these differ from each other."
        );
        assert!(said(&[]).contains("nothing was trained"));
    }
}
