//! Candidates, from the best to the worst.

use semilla::graph::Initializer;
use semilla::scheme::Optimizer;
use semilla::{Graph, Model, Plan};

use super::candidate::Candidate;
use super::ranked::{Expected, Outcome, Ranked, Recommendation};
use super::reason::{advice, sentence};
use crate::executor::{Datum, Fault};
use crate::measure::Verdict;
use crate::theory::{Given, WeightMoments, predict};
use crate::train::{Network, Parameter};

/// Candidates whose troubles differ by less than this, in nats, train alike.
const ALIKE: f64 = 1.0;

/// Ranks candidates for a model. Theory of the whole graph goes first, of its plain chains where that
/// ends: what it calls hopeless, or far behind the best that it knows of, is not run. The others run
/// on a batch, once per seed, and are ranked by what that shows.
/// Ties keep the candidates' order. `watch` is told of each candidate, with its place, before it is
/// tried.
///
/// # Errors
/// The graph runs with the weights of no candidate; the first one's reason.
///
/// ```
/// use semilla::model::Spec;
/// use semilla_signal::{Batch, candidates, recommend};
///
/// let text = format!("mlp:{}10:relu", "32-".repeat(21));
/// let (model, graph) = (Spec::parse(&text)?, Spec::graph(&text)?);
/// let inputs = Batch { samples: 16, ..Batch::default() }.inputs(&graph)?;
/// let found = recommend(&model, &graph, &inputs, &[0, 1], &candidates(&model), |_, _| {})?;
/// assert_eq!(found.best().unwrap().name, "auto");
/// assert!(found.recipe.contains("looks_linear"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn recommend(
    model: &Model,
    graph: &Graph,
    inputs: &[(String, Datum<f32>)],
    seeds: &[u64],
    candidates: &[Candidate],
    mut watch: impl FnMut(usize, &Candidate),
) -> Result<Recommendation, Fault> {
    let least = least_expected(model, graph, inputs, candidates);
    rank(model, candidates, |place, candidate| {
        watch(place, candidate);
        attempt(model, graph, inputs, seeds, candidate, least)
    })
}

/// Ranks candidates for a model by what trying each of them shows; `attempt` is handed the place of
/// each. An error is why a candidate does not fit. Ties keep the candidates' order.
///
/// # Errors
/// No candidate could be measured; the first one's reason.
pub fn rank<E: std::fmt::Display>(
    model: &Model,
    candidates: &[Candidate],
    mut attempt: impl FnMut(usize, &Candidate) -> Result<(Option<Expected>, Outcome), E>,
) -> Result<Recommendation, E> {
    let mut fault = None;
    let mut ranked: Vec<(Ranked, usize)> = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let tried = attempt(place, candidate);
        let (expected, outcome) = tried.unwrap_or_else(|error| {
            let why = error.to_string();
            fault.get_or_insert(error);
            (None, Outcome::Unfit { why })
        });
        let row = Ranked {
            name: candidate.name.clone(),
            options: candidate.options.clone(),
            is_tied: false,
            expected,
            outcome,
        };
        ranked.push((row, place));
    }
    let was_run = |row: &(Ranked, _)| matches!(row.0.outcome, Outcome::Measured { .. });
    if let Some(fault) = fault.filter(|_| !ranked.iter().any(was_run)) {
        return Err(fault);
    }
    ranked.sort_by(|(a, _), (b, _)| a.rank().total_cmp(&b.rank()));
    let least = ranked.first().map_or(0.0, |(row, _)| row.rank());
    for (row, _) in &mut ranked {
        // Where the best loses all there is, so do those that are no worse.
        row.is_tied = row.rank() <= least || row.rank() - least < ALIKE;
    }
    // Of those that are alike, the one that was named first.
    ranked.sort_by_key(|(row, place)| match row.is_tied {
        true => *place,
        false => candidates.len(),
    });
    let recipe = ranked.first().and_then(|(row, place)| {
        let best = &candidates[*place];
        let plan = best.recipe.plan(model, 0).ok()?;
        Some(plan.to_recipe(&format!("recommended: {}", row.name), best.fans))
    });
    let ranked: Vec<Ranked> = ranked.into_iter().map(|(row, _)| row).collect();
    Ok(Recommendation {
        sentence: sentence(&ranked),
        advice: advice(&ranked),
        recipe: recipe.unwrap_or_default(),
        ranked,
    })
}

/// The least that theory expects any candidate to lose: nothing is made or run. Infinite where it
/// follows none to the end.
fn least_expected(
    model: &Model,
    graph: &Graph,
    inputs: &[(String, Datum<f32>)],
    candidates: &[Candidate],
) -> f64 {
    let given: Vec<(String, Given)> = (inputs.iter())
        .map(|(name, datum)| (name.clone(), Given::of(datum)))
        .collect();
    let lost = |candidate: &Candidate| {
        let plan = candidate.recipe.plan(model, 0).ok()?;
        let weights =
            |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_deref()?)?);
        Expected::of_network(&predict(graph, weights, &given))?.lost
    };
    (candidates.iter().filter_map(lost)).fold(f64::INFINITY, f64::min)
}

fn attempt(
    model: &Model,
    graph: &Graph,
    inputs: &[(String, Datum<f32>)],
    seeds: &[u64],
    candidate: &Candidate,
    least: f64,
) -> Result<(Option<Expected>, Outcome), Fault> {
    let seed = seeds.first().copied().unwrap_or_default();
    let plan = match candidate.recipe.plan(model, seed) {
        Ok(plan) => plan,
        Err(error) => {
            let why = error.to_string();
            return Ok((None, Outcome::Unfit { why }));
        }
    };
    let first = network(graph, inputs, &plan)?;
    let expected = Expected::of_network(&first.predict());
    let expected = expected.or_else(|| Expected::of(&plan.stacks));
    if expected.is_some_and(|expected| expected.is_hopeless()) {
        return Ok((expected, Outcome::Hopeless));
    }
    if expected.is_some_and(|expected| expected.is_behind(least)) {
        return Ok((expected, Outcome::Behind));
    }
    let mut measured = vec![first.measure(seed)?];
    drop(first);
    for &seed in seeds.iter().skip(1) {
        let plan = plan.clone().with_seed(seed);
        measured.push(network(graph, inputs, &plan)?.measure(seed)?);
    }
    let outcome = Outcome::Measured {
        verdict: Box::new(Verdict::of(&measured)),
    };
    Ok((expected, outcome))
}

fn network<'g>(
    graph: &'g Graph,
    inputs: &[(String, Datum<f32>)],
    plan: &Plan,
) -> Result<Network<'g>, Fault> {
    let parameter = |name: &str| {
        let line = plan.line(name)?;
        let value = Datum::decode(line.dtype, &line.shape, &line.to_bytes().ok()?)?;
        Some(Parameter::planned(value, line, Optimizer::Sgd))
    };
    let weight = |name: &str| Ok::<_, Fault>(parameter(name));
    Network::new(graph, inputs.to_vec(), weight)
}
