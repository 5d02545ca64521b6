//! The initial loss, and the first step from it.

use std::collections::BTreeMap;

use semilla::Graph;
use serde::Serialize;

use super::error::TrainError;
use super::labels::{LabelSource, Labels};
use super::loss::Loss;
use super::network::Network;
use super::optimizer::{Optimizer, Stepper};
use crate::array::Array;
use crate::executor::{Datum, Trace, ValueId};
use crate::measure::flow::Flow;
use crate::measure::layers::layers;
use crate::measure::measurement::output;

/// The initial loss, and what the first step does to it and to each layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstStep {
    /// The loss.
    pub loss: Loss,
    /// Where the labels come from.
    pub labels: LabelSource,
    /// The loss at the start.
    pub initial: f64,
    /// What it would be if the output knew nothing of the labels.
    pub expected: f64,
    /// What an output of zeros would give.
    pub of_zeros: f64,
    /// The standard deviation of the output: of logits within a place, of numbers over all.
    pub spread: f64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Its learning rate.
    pub lr: f64,
    /// The loss on the same batch after one step.
    pub after: f64,
    /// The layers, in the order in which they ran.
    pub layers: Vec<LayerStep>,
}

/// Something about the first step that is worth a note.
#[derive(Clone, Debug, PartialEq)]
pub enum StepFinding {
    /// The spread of the logits alone makes the loss larger than that of zeros.
    Spread {
        /// By how much.
        costs: f64,
        /// The factor on the last layer's scale that would leave half a nat of it.
        factor: f64,
    },
    /// Layers move by more than the size of what they make.
    Large {
        /// How many.
        layers: usize,
        /// The weight of the first one.
        first: String,
    },
    /// The step makes the loss larger.
    Rises,
}

/// A loss that starts so far above that of zeros is worth a note.
const FAR: f64 = 0.5;
/// A step that changes what a layer makes by more than this part is worth a note.
const LARGE: f64 = 1.0;

impl FirstStep {
    /// What is worth a note.
    pub fn findings(&self) -> Vec<StepFinding> {
        let mut found = Vec::new();
        let costs = self.expected - self.of_zeros;
        if self.loss != Loss::Mse && costs > FAR {
            found.push(StepFinding::Spread {
                costs,
                factor: (FAR / costs).sqrt(),
            });
        }
        let large = self.layers.iter();
        let mut large = large.filter(|layer| layer.output_change > Some(LARGE));
        if let Some(first) = large.next() {
            found.push(StepFinding::Large {
                layers: 1 + large.count(),
                first: first.weight.clone(),
            });
        }
        if self.after > self.initial {
            found.push(StepFinding::Rises);
        }
        found
    }
}

/// What the first step does to a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerStep {
    /// The name of its weight.
    pub weight: String,
    /// ‖Δw‖/‖w‖ of its weight; `None` where the weight is 0.
    pub weight_change: Option<f64>,
    /// ‖Δx‖/‖x‖ of what it makes, on the same batch; `None` where that is 0.
    pub output_change: Option<f64>,
}

/// Takes one step, and looks at the loss before and after it and at every layer. Labels that are
/// not given are the next tokens, or random.
///
/// # Errors
/// The network does not run, or the loss does not fit its output.
pub fn first_step(
    network: &mut Network<'_>,
    loss: Loss,
    labels: Option<&Labels>,
    mut stepper: Stepper,
    seed: u64,
) -> Result<FirstStep, TrainError> {
    let before = network.run()?;
    let output = output(&before, network.graph())?;
    let (labels, source) = of_network(network, loss, labels, before.array(output).shape(), seed)?;
    let lost = loss.of(before.array(output), &labels)?;
    let made = outputs(&before, network.graph());
    let weights: BTreeMap<String, Array<f32>> = made
        .iter()
        .filter_map(|(name, _)| Some((name.clone(), network.values(name)?.clone())))
        .collect();
    let gradients = before.gradients_of_weights([(output, lost.gradient)]);
    let uses = network.uses(&before);
    stepper.step_at(network, &uses, &gradients);
    let after = network.run()?;
    let layer = |(name, value): &(String, ValueId)| LayerStep {
        weight: name.clone(),
        weight_change: (weights.get(name).zip(network.values(name)))
            .and_then(|(before, after)| change(before, after)),
        output_change: change(before.array(*value), after.array(*value)),
    };
    Ok(FirstStep {
        loss,
        labels: source,
        initial: lost.value,
        expected: lost.expected,
        of_zeros: lost.of_zeros,
        spread: lost.spread,
        optimizer: stepper.optimizer(),
        lr: stepper.lr(),
        after: loss.of(after.array(output), &labels)?.value,
        layers: made.iter().map(layer).collect(),
    })
}

/// The weights of the layers, and what the layers make.
pub(super) fn outputs(trace: &Trace<f32>, graph: &Graph) -> Vec<(String, ValueId)> {
    let found = layers(trace, graph, &Flow::of(trace));
    let named = found
        .iter()
        .map(|layer| (trace.weights()[layer.weight].0.clone(), layer.output));
    named.collect()
}

/// The labels: those given, the input's next tokens, or random ones.
pub(super) fn of_network(
    network: &Network<'_>,
    loss: Loss,
    given: Option<&Labels>,
    shape: &[usize],
    seed: u64,
) -> Result<(Labels, LabelSource), TrainError> {
    if loss == Loss::NextToken {
        let tokens = network.inputs().iter().find_map(|(_, datum)| match datum {
            Datum::Whole(array) if array.rank() == 2 => Some(array),
            _ => None,
        });
        let next = Labels::next_tokens(tokens.ok_or(TrainError::NoTokens)?);
        return Ok((next, LabelSource::NextTokens));
    }
    match given {
        Some(given) => Ok((given.clone(), LabelSource::Data)),
        None => Ok((loss.random_labels(shape, seed)?, LabelSource::Random)),
    }
}

/// ‖b - a‖/‖a‖.
fn change(a: &Array<f32>, b: &Array<f32>) -> Option<f64> {
    let size = norm(a.data().iter().map(|&x| f64::from(x)));
    let moved = norm(
        a.data()
            .iter()
            .zip(b.data())
            .map(|(&a, &b)| f64::from(b) - f64::from(a)),
    );
    (size > 0.0).then(|| moved / size)
}

pub(super) fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}
