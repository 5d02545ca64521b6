//! Many trials side by side.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use rayon::ThreadPoolBuilder;

use crate::error::LabError;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::replica::{Replica, trained};
use crate::start::Weights;
use crate::trial::Trial;

/// Steps between two looks at whether to stop.
const STEPS: u64 = 20;

/// Follows trials while they train. The default neither reports nor stops anything, and has as many
/// threads as Rayon.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Called with the number of steps taken since the last call; from any thread.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Called with the place of a trial and its outcome; from any thread, in any order.
    pub finished: &'a (dyn Fn(usize, &Outcome) + Sync),
    /// Once this is set, trials that are not finished stay without an outcome.
    pub stop: &'a AtomicBool,
    /// Trials that train at the same time.
    pub threads: usize,
}

impl Default for Watch<'_> {
    fn default() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self {
            progress: &|_| {},
            finished: &|_, _| {},
            stop: &NEVER,
            threads: rayon::current_num_threads(),
        }
    }
}

/// Trains the trials of a problem side by side, each on one thread; in their order, `None` for
/// those that were stopped. An outcome depends on its trial alone.
///
/// # Errors
/// The first trial that does not run. One that diverges is an outcome.
///
/// ```
/// use semilla_lab::{Problem, Trial, Watch, train};
///
/// let trial = Trial::from_json(r#"{"model": "mlp:64-32-10:relu", "recipe": "kaiming_normal",
///     "data": {"source": "digits"}, "optimizer": "momentum", "rate": 0.05, "steps": 60}"#)?;
/// let trials: Vec<Trial> = (0..3)
///     .map(|seed| {
///         let mut trial = trial.clone();
///         trial.seeds.weights = seed;
///         trial
///     })
///     .collect();
/// let problem = Problem::of(&trial)?;
/// for outcome in train(&problem, &trials, Watch::default())?.into_iter().flatten() {
///     assert!(outcome.test.unwrap().accuracy.unwrap() > 0.7);
/// }
/// # Ok::<(), semilla_lab::LabError>(())
/// ```
pub fn train(
    problem: &Problem,
    trials: &[Trial],
    watch: Watch<'_>,
) -> Result<Vec<Option<Outcome>>, LabError> {
    let trunks = trunks(trials, watch)?;
    side_by_side(trials.len(), watch, |place| {
        let trial = &trials[place];
        let trunk = trial.trunk.as_ref();
        let trunk = trunk.and_then(|trunk| trunks.get(&trunk.trial.id()));
        if trial.trunk.is_some() && trunk.is_none() {
            return Ok(None);
        }
        let mut replica = Replica::start_from(problem, trial, trunk)?;
        loop {
            let before = replica.step();
            let goes_on = replica.advance(STEPS)?;
            (watch.progress)(replica.step() - before);
            if !goes_on {
                break;
            }
            if watch.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
        let outcome = replica.finish()?;
        (watch.finished)(place, &outcome);
        Ok(Some(outcome))
    })
}

/// The trained weights of all trunks by their trials' ids, each trained once; those that were
/// stopped are missing.
fn trunks(trials: &[Trial], watch: Watch<'_>) -> Result<BTreeMap<String, Weights>, LabError> {
    let trunks = trials.iter().filter_map(|trial| trial.trunk.as_ref());
    let trunks: BTreeMap<String, &Trial> = trunks
        .map(|trunk| (trunk.trial.id(), &*trunk.trial))
        .collect();
    let (ids, trunks): (Vec<String>, Vec<&Trial>) = trunks.into_iter().unzip();
    // They mostly differ in their seeds, and share what is loaded.
    let mut problems: Vec<Problem> = Vec::new();
    let mut places = Vec::with_capacity(trunks.len());
    for trial in &trunks {
        let known = problems.iter().position(|problem| problem.is_of(trial));
        if known.is_none() {
            problems.push(Problem::of(trial)?);
        }
        places.push(known.unwrap_or(problems.len() - 1));
    }
    let weights = side_by_side(trunks.len(), watch, |place| {
        let weights = trained(&problems[places[place]], trunks[place])?;
        (watch.progress)(trunks[place].steps);
        Ok(Some(weights))
    })?;
    let found = ids.into_iter().zip(weights);
    Ok(found
        .filter_map(|(id, weights)| Some((id, weights?)))
        .collect())
}

/// Does so many things, one on each thread at a time. A thread is a pool of its own, so that
/// nothing that a thing does is shared out, and nothing depends on the number of threads.
fn side_by_side<T: Send>(
    count: usize,
    watch: Watch<'_>,
    make: impl Fn(usize) -> Result<Option<T>, LabError> + Sync,
) -> Result<Vec<Option<T>>, LabError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (send, receive) = channel();
    let work = |send: Sender<(usize, Result<Option<T>, LabError>)>| {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let is_over = watch.stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
            if place >= count || is_over {
                break;
            }
            let found = make(place);
            failed.fetch_or(found.is_err(), Ordering::Relaxed);
            // The receiver outlives all threads.
            let _ = send.send((place, found));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..watch.threads.clamp(1, count.max(1)) {
            let send = send.clone();
            scope.spawn(|| match ThreadPoolBuilder::new().num_threads(1).build() {
                Ok(pool) => pool.install(|| work(send)),
                Err(_) => work(send),
            });
        }
    });
    drop(send);
    let mut made: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (place, found) in receive {
        made[place] = found?;
    }
    Ok(made)
}
