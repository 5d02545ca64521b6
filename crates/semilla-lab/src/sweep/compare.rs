//! The protocol, carried out.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use semilla::number::counted;
use semilla_signal::Expected;

use super::assemble::assemble;
use super::engine::Engine;
use super::error::CompareError;
use super::search::{behind, best, wanted};
use super::start::Start;
use super::table::{Slot, Table};
use crate::comparison::{Comparison, Predicted, Protocol, Purpose, Why};
use crate::problem::Problem;
use crate::start::recipe;
use crate::store::Store;
use crate::train::Watch;
use crate::trial::Trial;

/// What happens while arms are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many trainings begin, with so many steps in all.
    Begins {
        /// What they are for.
        purpose: Purpose,
        /// The trainings; those in the store are not counted.
        trials: usize,
        /// Their steps.
        steps: u64,
    },
    /// So many steps were taken.
    Steps(u64),
}

/// Follows a comparison.
#[derive(Clone, Copy)]
pub struct Follow<'a> {
    /// Called as things happen; from any thread.
    pub happens: &'a (dyn Fn(Event) + Sync),
    /// Once this is set, the comparison ends with what is trained by then.
    pub stop: &'a AtomicBool,
    /// Trainings at the same time.
    pub threads: usize,
}

/// The most arms: the groups of more would be hard to read, and long to find.
const ARMS: usize = 24;

/// Compares starts by a protocol. What the store has is not trained again; what is trained goes
/// there. If it is stopped, or the budget is used up, the comparison says so and holds what there
/// is; the same call goes on from the store.
///
/// # Errors
/// Trials that do not run, a store that cannot be written.
pub fn compare(
    problem: &Problem,
    starts: &[Start],
    protocol: &Protocol,
    store: &Store,
    engine: &dyn Engine,
    follow: Follow<'_>,
) -> Result<Comparison, CompareError> {
    check(starts, protocol)?;
    let mut sweep = Sweep {
        problem,
        table: Table {
            protocol,
            starts,
            outcomes: Default::default(),
        },
        pruned: Vec::new(),
        store,
        engine,
        follow,
    };
    let predicted = starts.iter().map(|start| predicted(problem, start));
    let predicted = predicted.collect::<Result<Vec<_>, CompareError>>()?;
    let is_complete = sweep.train(&predicted)?;
    let Sweep { table, pruned, .. } = sweep;
    Ok(assemble(problem, &table, pruned, predicted, is_complete))
}

fn check(starts: &[Start], protocol: &Protocol) -> Result<(), CompareError> {
    let wrong = |problem: String| Err(CompareError::Protocol(problem));
    if !(2..=ARMS).contains(&starts.len()) {
        let starts = counted(starts.len() as u64, "start", "starts");
        return wrong(format!("{starts} to compare; give 2 to {ARMS}"));
    }
    let names: BTreeSet<&str> = starts.iter().map(|start| &*start.name).collect();
    if names.len() < starts.len() {
        return wrong("two starts have the same name; give each once".to_owned());
    }
    let grid = &protocol.rates;
    let is_rising = grid.factor > 1.0 && grid.factor.is_finite();
    let is_grid = grid.first > 0.0 && grid.first.is_finite() && grid.count > 0 && is_rising;
    if !is_grid {
        return wrong("the learning rates must be positive, and grow".to_owned());
    }
    let [lowest, highest] = [
        -(grid.extension as i32),
        (grid.count + grid.extension) as i32,
    ];
    if !(grid.rate(lowest) > 0.0 && grid.rate(highest).is_finite()) {
        return wrong("the learning rates leave the range of numbers".to_owned());
    }
    if protocol.tuning.is_empty() || protocol.finals.is_empty() {
        return wrong(
            "a comparison needs at least one seed to choose rates, and one to compare".to_owned(),
        );
    }
    if protocol.reference >= starts.len() {
        return wrong("the reference is none of the starts".to_owned());
    }
    Ok(protocol.trial.check()?)
}

/// What theory expects of a start; nothing of one whose weights come from a training.
fn predicted(problem: &Problem, start: &Start) -> Result<Option<Predicted>, CompareError> {
    if start.trunk.is_some() {
        return Ok(None);
    }
    let recipe = recipe(&start.recipe)?;
    let Ok(plan) = recipe.plan(problem.model(), 0) else {
        // The first trial says why.
        return Ok(None);
    };
    let expected = Expected::of(&plan.stacks);
    let expected = expected.filter(|expected| expected.log_gradients.is_finite());
    Ok(expected.map(|expected| Predicted {
        log_gradients: expected.log_gradients,
        is_hopeless: expected.is_hopeless(),
    }))
}

struct Sweep<'a> {
    problem: &'a Problem,
    table: Table<'a>,
    /// Arms and rates that are left out; all rates of an arm where there is no place.
    pruned: Vec<(usize, Option<i32>, Why)>,
    store: &'a Store,
    engine: &'a dyn Engine,
    follow: Follow<'a>,
}

impl Sweep<'_> {
    /// Trains all that the protocol asks for; whether that was everything.
    fn train(&mut self, predicted: &[Option<Predicted>]) -> Result<bool, CompareError> {
        let protocol = self.table.protocol;
        let mut arms: Vec<usize> = (0..self.table.starts.len()).collect();
        let mut is_complete = true;
        if protocol.prunes {
            arms.retain(|&arm| match predicted[arm] {
                Some(found) if found.is_hopeless => {
                    let log_gradients = found.log_gradients;
                    self.pruned
                        .push((arm, None, Why::Hopeless { log_gradients }));
                    false
                }
                _ => true,
            });
            is_complete = self.wave(self.search(Purpose::Rung, &arms, |_, _| true))?;
            for &arm in &arms {
                self.leave_behind(arm);
            }
        }
        let first = self.search(Purpose::Tuning, &arms, |arm, place| {
            let is_own = |(a, p, _): &(usize, Option<i32>, Why)| (*a, *p) == (arm, Some(place));
            !self.pruned.iter().any(is_own)
        });
        is_complete = is_complete && self.wave(first)?;
        while is_complete {
            let more = self.extension(&arms);
            if more.is_empty() {
                break;
            }
            self.pruned.retain(|(arm, place, _)| {
                !more
                    .iter()
                    .any(|slot| (slot.arm, Some(slot.place)) == (*arm, *place))
            });
            is_complete = self.wave(more)?;
        }
        // A partial comparison compares what it can.
        Ok(is_complete && self.wave(self.finals(&arms))?)
    }

    /// The slots of the first grid, seed by seed.
    fn search(
        &self,
        purpose: Purpose,
        arms: &[usize],
        is_taken: impl Fn(usize, i32) -> bool,
    ) -> Vec<Slot> {
        let mut slots = Vec::new();
        for seed in 0..self.table.protocol.tuning.len() {
            for place in self.table.protocol.rates.places() {
                let taken = arms.iter().filter(|&&arm| is_taken(arm, place));
                slots.extend(taken.map(|&arm| Slot {
                    purpose,
                    arm,
                    place,
                    seed,
                }));
            }
        }
        slots
    }

    fn leave_behind(&mut self, arm: usize) {
        let rung = self.table.column(Purpose::Rung, arm);
        let steps = self.table.trial(Slot {
            purpose: Purpose::Rung,
            arm,
            place: 0,
            seed: 0,
        });
        let steps = steps.steps;
        let behind = behind(&rung)
            .into_iter()
            .map(|(place, p)| (arm, Some(place), Why::Behind { steps, p }));
        self.pruned.extend(behind);
    }

    /// The slots beside rates that are best at the edge.
    fn extension(&self, arms: &[usize]) -> Vec<Slot> {
        let protocol = self.table.protocol;
        let tolerance = 2.0 * protocol.difference;
        let mut slots = Vec::new();
        for &arm in arms {
            let column = self.table.column(Purpose::Tuning, arm);
            if let Some(place) = wanted(&column, &protocol.rates, tolerance) {
                slots.extend((0..protocol.tuning.len()).map(|seed| Slot {
                    purpose: Purpose::Tuning,
                    arm,
                    place,
                    seed,
                }));
            }
        }
        slots
    }

    /// The slots at each arm's best rate, seed by seed, and those of the reference against itself.
    fn finals(&self, arms: &[usize]) -> Vec<Slot> {
        let protocol = self.table.protocol;
        let place = |arm: usize| best(&self.table.column(Purpose::Tuning, arm));
        let places: Vec<(usize, i32)> = arms
            .iter()
            .filter_map(|&arm| Some((arm, place(arm)?)))
            .collect();
        let mut slots = Vec::new();
        for seed in 0..protocol.finals.len() {
            slots.extend(places.iter().map(|&(arm, place)| Slot {
                purpose: Purpose::Final,
                arm,
                place,
                seed,
            }));
        }
        let own = places.iter().find(|(arm, _)| *arm == protocol.reference);
        if let Some(&(arm, place)) = own {
            slots.extend((0..protocol.check.len()).map(|seed| Slot {
                purpose: Purpose::Check,
                arm,
                place,
                seed,
            }));
        }
        slots
    }

    /// Trains what the store does not have, within the budget; whether all of it is there.
    fn wave(&mut self, slots: Vec<Slot>) -> Result<bool, CompareError> {
        let Some(purpose) = slots.first().map(|slot| slot.purpose) else {
            return Ok(true);
        };
        let (slots, is_whole) = self.affordable(slots);
        let trials: Vec<Trial> = slots.iter().map(|&slot| self.table.trial(slot)).collect();
        let is_missing = |trial: &&Trial| self.store.get(&trial.id()).is_none();
        let missing: Vec<Trial> = trials.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            (self.follow.happens)(Event::Begins {
                purpose,
                trials: missing.len(),
                steps: missing.iter().map(|trial| trial.steps).sum(),
            });
            self.train_missing(&missing)?;
        }
        let mut is_complete = is_whole;
        for (slot, trial) in slots.into_iter().zip(&trials) {
            match self.store.get(&trial.id()) {
                Some(outcome) => drop(self.table.outcomes.insert(slot, outcome)),
                None => is_complete = false,
            }
        }
        Ok(is_complete)
    }

    /// The slots whose steps, and those of all before, are within the budget; whether that is all.
    fn affordable(&self, mut slots: Vec<Slot>) -> (Vec<Slot>, bool) {
        let Some(budget) = self.table.protocol.budget else {
            return (slots, true);
        };
        let mut left = budget.saturating_sub(self.table.cost(0).steps);
        let mut count = 0;
        for &slot in &slots {
            let steps = self.table.trial(slot).steps;
            if steps > left {
                break;
            }
            left -= steps;
            count += 1;
        }
        let is_whole = count == slots.len();
        slots.truncate(count);
        (slots, is_whole)
    }

    fn train_missing(&self, missing: &[Trial]) -> Result<(), CompareError> {
        let (stop, failure) = (self.follow.stop, Mutex::new(None));
        let finished = |place: usize, outcome: &crate::outcome::Outcome| {
            if let Err(error) = self.store.add(&missing[place], outcome) {
                stop.store(true, Ordering::Relaxed);
                if let Ok(mut failure) = failure.lock() {
                    failure.get_or_insert(error);
                }
            }
        };
        let watch = Watch {
            progress: &|steps| (self.follow.happens)(Event::Steps(steps)),
            finished: &finished,
            stop,
            threads: self.follow.threads,
        };
        self.engine.train(self.problem, missing, watch)?;
        match failure.into_inner() {
            Ok(Some(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
