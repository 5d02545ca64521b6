//! What to do about a network that will hardly train.

use semilla::{Graph, Model};
use serde::Serialize;

use super::candidate::Candidate;
use super::rank::recommend;
use super::ranked::{Expected, Outcome};
use crate::executor::Datum;

/// The best start that was found, or what else would help.
#[derive(Clone, Debug, Serialize)]
pub struct Remedy {
    /// What suits the network, in one sentence with its numbers.
    pub sentence: String,
    /// What else would help, where no first weights do.
    pub advice: Option<String>,
    /// The options of `semilla init` that give the best start, where it has a name of its own.
    pub options: Option<String>,
    /// What theory expects of it.
    pub expected: Option<Expected>,
    /// The same as a recipe to copy.
    pub recipe: String,
}

/// The remedy for a network on a batch: the best of these [`candidates`](super::candidates). `None`
/// where nothing else runs either. `watch` is told of each candidate as it is tried.
pub fn remedy(
    model: &Model,
    graph: &Graph,
    inputs: &[(String, Datum<f32>)],
    seed: u64,
    candidates: &[Candidate],
    watch: impl FnMut(usize, &Candidate),
) -> Option<Remedy> {
    let found = recommend(model, graph, inputs, &[seed], candidates, watch).ok()?;
    let best = found.ranked.into_iter().next()?;
    let is_run = matches!(best.outcome, Outcome::Measured { .. });
    is_run.then_some(Remedy {
        sentence: found.sentence,
        advice: found.advice,
        options: best.options,
        expected: best.expected,
        recipe: found.recipe,
    })
}
