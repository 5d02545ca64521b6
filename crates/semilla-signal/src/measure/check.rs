//! Measurements of several seeds, and the verdict on them.

use semilla::Graph;
use semilla::graph::Initializer;
use serde::Serialize;

use super::measurement::{Measurement, measure};
use super::verdict::Verdict;
use crate::executor::{Datum, Fault};

/// What was measured, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// A measurement for each seed.
    pub measurements: Vec<Measurement>,
}

/// Measures a graph on one batch with the weights of each seed, and judges it. `weights` gives the
/// values of a tensor under a seed.
///
/// # Errors
/// The graph does not run on these inputs and weights.
///
/// ```
/// use semilla::activation::Activation;
/// use semilla::model::Spec;
/// use semilla::{Initializer, Recipe};
/// use semilla_signal::{Batch, Datum, check};
///
/// let text = "mlp:64-64-64-64-64-64-64-64-64-64-64-64-64-64-64-64-64-10:relu";
/// let (model, graph) = (Spec::parse(text)?, Spec::graph(text)?);
/// let inputs = Batch { samples: 32, ..Batch::default() }.inputs(&graph)?;
/// let passes = |recipe: Recipe| {
///     let weights = |seed: u64, tensor: &semilla::graph::Initializer| {
///         let plan = recipe.plan(&model, seed).ok()?;
///         let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
///         Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
///     };
///     check(&graph, &inputs, &[0, 1], weights).map(|report| report.verdict.passes)
/// };
/// assert!(passes(Recipe::auto())?);
/// assert!(!passes(Recipe::named("pytorch")?)?); // gradients vanish
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check(
    graph: &Graph,
    inputs: &[(String, Datum<f32>)],
    seeds: &[u64],
    weights: impl Fn(u64, &Initializer) -> Option<Datum<f32>>,
) -> Result<Report, Fault> {
    let run = |&seed: &u64| {
        let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        measure(graph, inputs, |tensor| weights(seed, tensor), seed)
    };
    let measurements: Result<Vec<Measurement>, Fault> = seeds.iter().map(run).collect();
    Ok(measurements?.into())
}

impl From<Vec<Measurement>> for Report {
    /// The verdict on measurements.
    fn from(measurements: Vec<Measurement>) -> Self {
        Self {
            verdict: Verdict::of(&measurements),
            measurements,
        }
    }
}
