//! All fits of a plan, each by its own way.

use semilla::Fit;
use semilla::plan::{Change, Fitted};
use serde::Serialize;

use super::analytic::scale;
use super::balance::balance;
use super::by_layer::ByLayer;
use super::error::FitError;
use super::labels::{class_frequencies, prior};
use crate::train::{Labels, Network};

/// What was found, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fitting {
    /// What was found for each tensor.
    pub found: Vec<Fitted>,
    /// Runs of the network, forward.
    pub forward: usize,
    /// Runs of the network, back.
    pub backward: usize,
    /// The samples of each run.
    pub samples: usize,
}

/// Finds the numbers that a plan's fits ask for. The network's weights are the plan's as they are
/// without them ([`Plan::take_fits`]), and are changed on the way.
///
/// Biases of the output come first, then what theory alone scales, then what goes from layer to
/// layer (LSUV, magnitudes, shifts), then gradients are balanced. A weight that no layer takes, or whose output is constant, is left
/// as it is, and its reason says so.
///
/// # Errors
/// The network does not run, or a fit needs labels that are not there.
///
/// [`Plan::take_fits`]: semilla::Plan::take_fits
///
/// ```
/// use std::convert::Infallible;
///
/// use semilla::{Recipe, model::Spec};
/// use semilla_signal::{Batch, Datum, Network, fit};
///
/// let text = "mlp:32-64-64-64-10:tanh";
/// let (model, graph) = (Spec::parse(text)?, Spec::graph(text)?);
/// let mut plan = Recipe::named("lsuv")?.plan(&model, 0)?;
/// let fits = plan.take_fits();
/// let inputs = Batch { samples: 64, ..Batch::default() }.inputs(&graph)?;
/// let mut network = Network::new(&graph, inputs, |name| {
///     let line = plan.line(name);
///     let bytes = line.and_then(|line| line.to_bytes().ok());
///     let datum = line.zip(bytes).and_then(|(line, bytes)| {
///         Datum::decode(line.dtype, &line.shape, &bytes)
///     });
///     Ok::<_, Infallible>(datum.map(Into::into))
/// })?;
/// let fitting = fit(&mut network, &fits, None, 0)?;
/// assert!(fitting.forward <= 1 + 4, "{}", fitting.forward);
/// plan.put(&model, fitting.found)?;
/// assert!(plan.tensors[2].reason.contains("LSUV: std ×"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fit(
    network: &mut Network<'_>,
    fits: &[(String, Fit)],
    labels: Option<&Labels>,
    seed: u64,
) -> Result<Fitting, FitError> {
    let mut fitting = Fitting {
        found: Vec::new(),
        forward: 0,
        backward: 0,
        samples: samples(network),
    };
    for (tensor, fit) in fits {
        let elements = network
            .values(tensor)
            .map_or(0, |values| values.data().len());
        let found = match fit {
            Fit::ClassFrequencies => class_frequencies(tensor, elements, labels)?,
            Fit::Prior => prior(tensor, elements),
            _ => continue,
        };
        if let Change::Values(values) = &found.change {
            network.set(tensor, values);
        }
        fitting.found.push(found);
    }
    let scaled = fits.iter().filter(|(_, fit)| *fit == Fit::Analytic);
    let scaled: Vec<&str> = scaled.map(|(tensor, _)| &**tensor).collect();
    if !scaled.is_empty() {
        fitting.found.extend(scale(network, &scaled));
    }
    let by_layer = |fit: &Fit| {
        matches!(
            fit,
            Fit::Lsuv | Fit::LsuvBetweenSamples | Fit::UnitVariance | Fit::Centred
        )
    };
    let layered: Vec<(String, Fit)> = fits
        .iter()
        .filter(|(_, fit)| by_layer(fit))
        .cloned()
        .collect();
    if !layered.is_empty() {
        let (found, runs) = ByLayer::of(network, fitting.samples).fit(&layered)?;
        fitting.found.extend(found);
        fitting.forward += runs;
    }
    let balanced = fits.iter().filter(|(_, fit)| *fit == Fit::Balanced);
    let balanced: Vec<String> = balanced.map(|(tensor, _)| tensor.clone()).collect();
    if !balanced.is_empty() {
        let (found, runs) = balance(network, &balanced, seed)?;
        fitting.found.extend(found);
        fitting.forward += runs;
        fitting.backward += runs;
    }
    Ok(fitting)
}

/// The size of the inputs' first axis.
fn samples(network: &Network<'_>) -> usize {
    let inputs = network.inputs().iter();
    let first = inputs.filter_map(|(_, datum)| datum.shape().first());
    first.copied().max().unwrap_or(0)
}
