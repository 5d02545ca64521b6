//! What was trained so far.

use std::collections::{BTreeMap, BTreeSet};

use super::search::Column;
use super::start::Start;
use crate::comparison::{Cost, Measure, Protocol, Purpose};
use crate::outcome::{End, Outcome, Score};
use crate::trial::{Record, Trial};

/// A training by its part in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) purpose: Purpose,
    pub(super) arm: usize,
    /// The rate's place on the grid.
    pub(super) place: i32,
    pub(super) seed: usize,
}

/// What was trained so far, and how to train the rest.
pub(super) struct Table<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) starts: &'a [Start],
    pub(super) outcomes: BTreeMap<Slot, Outcome>,
}

/// The part of the steps that a rung takes.
const RUNG: u64 = 4;
/// The points of a final curve.
const POINTS: u64 = 50;
/// The looks at the layers of an arm's first final training.
const LOOKS: u64 = 8;

impl Table<'_> {
    /// The trial of a slot.
    pub(super) fn trial(&self, slot: Slot) -> Trial {
        let start = &self.starts[slot.arm];
        let mut trial = self.protocol.trial.clone();
        trial.recipe.clone_from(&start.recipe);
        trial.rate = self.protocol.rates.rate(slot.place);
        trial.seeds = self.protocol.seeds(slot.purpose)[slot.seed];
        if slot.purpose == Purpose::Rung {
            trial.steps = trial.steps.div_ceil(RUNG);
            trial.schedule.warmup = trial.schedule.warmup.min(trial.steps);
        }
        trial.record = Record {
            curve: if slot.purpose == Purpose::Final {
                POINTS
            } else {
                0
            },
            layers: if slot.purpose == Purpose::Final && slot.seed == 0 {
                LOOKS
            } else {
                0
            },
            validations: 0,
        };
        trial.trunk.clone_from(&start.trunk);
        if let Some(trunk) = &mut trial.trunk {
            trunk.trial.seeds = trial.seeds;
            trunk.trial.record = Record {
                curve: 0,
                ..Record::default()
            };
        }
        trial
    }

    /// A score in which more is better; −∞ is a training that diverged.
    fn goodness(&self, score: Option<Score>) -> f64 {
        let goodness = score.and_then(|score| match self.protocol.measure {
            Measure::Accuracy => score.accuracy,
            Measure::Loss => Some(-score.loss),
        });
        goodness.unwrap_or(f64::NEG_INFINITY)
    }

    /// An arm's validation scores at each rate that all tuning seeds were trained at.
    pub(super) fn column(&self, purpose: Purpose, arm: usize) -> Column {
        let mut column = Column::new();
        for (slot, outcome) in &self.outcomes {
            if (slot.purpose, slot.arm) == (purpose, arm) {
                let score = self.goodness(outcome.validation());
                column.entry(slot.place).or_default().push(score);
            }
        }
        column.retain(|_, scores| scores.len() == self.protocol.tuning.len());
        column
    }

    /// An arm's test scores, up to the first seed that is missing.
    pub(super) fn scores(&self, purpose: Purpose, arm: usize) -> Vec<f64> {
        let outcomes = self.runs(purpose, arm).enumerate();
        let outcomes = outcomes.take_while(|(place, (slot, _))| *place == slot.seed);
        outcomes
            .map(|(_, (_, outcome))| self.goodness(outcome.test))
            .collect()
    }

    /// An arm's trainings of a purpose at one rate, by their seeds.
    pub(super) fn runs(
        &self,
        purpose: Purpose,
        arm: usize,
    ) -> impl Iterator<Item = (&Slot, &Outcome)> {
        let is_own = move |slot: &Slot| (slot.purpose, slot.arm) == (purpose, arm);
        self.outcomes.iter().filter(move |(slot, _)| is_own(slot))
    }

    /// What was trained in all; `batch` is what a step takes at most.
    pub(super) fn cost(&self, batch: usize) -> Cost {
        let mut cost = Cost::default();
        let mut trunks = BTreeSet::new();
        for (slot, outcome) in &self.outcomes {
            let trial = self.trial(*slot);
            let steps = match outcome.end {
                End::Finished => trial.steps,
                End::Diverged { step } => step,
            };
            cost.add(steps, batch.min(trial.batch));
            if let Some(trunk) = trial.trunk
                && trunks.insert(trunk.trial.id())
            {
                cost.add(trunk.trial.steps, trunk.trial.batch);
            }
        }
        cost
    }
}

impl Cost {
    fn add(&mut self, steps: u64, batch: usize) {
        self.trials += 1;
        self.steps += steps;
        self.samples += steps * batch as u64;
    }
}
