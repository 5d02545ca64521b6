//! From a graph to a prediction.

use semilla::Graph;
use semilla::graph::Initializer;

use super::backward::{Gradient, gradients};
use super::input::Given;
use super::interpret::{Followed, follow};
use super::node::{Node, SignalId};
use super::prediction::{Predicted, Prediction, Spread, Spreads};
use super::spread::{NoiseId, Noises};
use super::weights::WeightMoments;
use crate::narrow::narrows;

/// A signal is known roughly if more of it is.
const ROUGH: f64 = 0.02;

/// Predicts what random weights do to the signals and gradients of a graph, by mean-field theory.
/// Nothing is run.
///
/// `weights` gives the moments of a tensor; `inputs` what is known of the data, by the names of the
/// graph's inputs. [The rules, what they assume and where they end][1].
///
/// [1]: https://docs.rs/semilla-signal
///
/// ```
/// use semilla::model::Spec;
/// use semilla::{Recipe, init};
/// use semilla_signal::theory::{Given, WeightMoments, predict};
///
/// let text = "mlp:512-512-512-512-512-10:relu";
/// let (model, graph) = (Spec::parse(text)?, Spec::graph(text)?);
/// let plan = Recipe::scheme(init::kaiming_normal()).plan(&model, 0)?;
/// let weights = |tensor: &semilla::graph::Initializer| {
///     WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?)
/// };
/// let inputs = [("x".to_owned(), Given::noise(&[32, 512], 1.0))];
/// let prediction = predict(&graph, weights, &inputs);
/// // He initialization keeps the second moment of pre-activations: 2 from the first layer on.
/// assert!(prediction.layers[..4].iter().all(|layer| (layer.second_moment - 2.0).abs() < 1e-9));
/// assert!(prediction.ends.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn predict(
    graph: &Graph,
    weights: impl Fn(&Initializer) -> Option<WeightMoments>,
    inputs: &[(String, Given)],
) -> Prediction {
    let mut followed = follow(graph, &weights, inputs);
    let gradients = gradients(&mut followed);
    let per_sample = |id: SignalId| {
        let axes = &followed.theory.signal(id).axes;
        let samples = axes.places(followed.theory.signal(id).samples());
        axes.elements() / samples
    };
    let output = followed.output.map(per_sample);
    let gradient = |id: SignalId| -> Option<(f64, NoiseId, f64)> {
        let found: &Gradient = gradients[id].as_ref()?;
        let value = found.kernel[0] * per_sample(id) / output?;
        value
            .is_finite()
            .then_some((value, found.noise, found.rough))
    };
    let path = path(&followed);
    let mut layers = Vec::new();
    for layer in &followed.layers {
        let node = &followed.theory.nodes[layer.signal];
        if !node.signal.square().is_finite() {
            continue;
        }
        let own = gradient(layer.signal);
        let chi1 = path
            .iter()
            .position(|point| point.after == layer.signal)
            .and_then(|place| {
                let (here, next) = (
                    gradient(path[place].id)?,
                    gradient(path.get(place + 1)?.id)?,
                );
                (next.0 > 0.0).then(|| here.0 / next.0)
            });
        layers.push(predicted(&followed, node, &layer.weight, own, chi1));
    }
    let ends = match &*path {
        [first, .., last] => Some((first.id, last.id)),
        _ => None,
    };
    let drift = |noise: NoiseId| followed.theory.noises.spread(noise).drift;
    let log_gradients = ends.and_then(|(first, last)| {
        let (first, last) = (gradient(first)?, gradient(last)?);
        finite(first.0.ln() - last.0.ln() + drift(first.1) - drift(last.1))
    });
    let log_differences = ends.and_then(|(first, last)| {
        let of = |id: SignalId| {
            let node = &followed.theory.nodes[id];
            between_samples(node).map(|d| d.ln() + drift(node.apart))
        };
        finite(of(last)? - of(first)?)
    });
    let rough = layers.iter().filter(|layer: &&Predicted| layer.is_rough);
    let mut assumed = followed.assumed;
    match rough.count() {
        0 => {}
        count => assumed.push(format!(
            "behind causal attention places are alike all the same: {count} layers and the \
             gradients before them are known roughly only"
        )),
    }
    Prediction {
        layers,
        depth: path.len(),
        log_gradients,
        log_differences,
        ends: followed.ends,
        assumed,
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The variance over samples, as a measurement of so many has it.
fn between_samples(node: &Node) -> Option<f64> {
    let signal = &node.signal;
    let samples = signal.axes.places(signal.samples());
    if samples < 2.0 {
        return Some(0.0);
    }
    let apart = signal.square() - signal.across_samples();
    finite(apart * (1.0 - 1.0 / samples)).map(|apart| apart.max(0.0))
}

fn predicted(
    followed: &Followed,
    node: &Node,
    weight: &str,
    gradient: Option<(f64, NoiseId, f64)>,
    chi1: Option<f64>,
) -> Predicted {
    let signal = &node.signal;
    let spread = |id: NoiseId| {
        let found = followed.theory.noises.spread(id);
        Spread {
            deviation: found.variance.sqrt(),
            drift: found.drift,
        }
    };
    let samples = signal.axes.places(signal.samples());
    let cosine = match samples >= 2.0 && signal.square() > 0.0 {
        true => finite(signal.across_samples() / signal.square()),
        false => None,
    };
    // The mean over samples and positions of each unit, and the mean of as many of these.
    let rest = signal.axes.all() & !node.units;
    let of_unit = signal.averaged(rest)[0] - signal.mean * signal.mean;
    Predicted {
        weight: weight.to_owned(),
        mean: signal.mean,
        mean_spread: finite((of_unit.max(0.0) / node.width()).sqrt()),
        second_moment: signal.square(),
        between_samples: between_samples(node),
        cosine,
        cosine_spread: cosine.and_then(|c| {
            let by_length = spread(node.norm)
                .deviation
                .hypot(spread(node.apart).deviation);
            let by_chance = (1.0 - c * c) * (2.0 * node.alike).sqrt() / samples;
            finite(((1.0 - c) * by_length).hypot(by_chance))
        }),
        gradient: gradient.map(|(value, ..)| value),
        is_rough: node.rough > ROUGH,
        is_gradient_rough: gradient.is_some_and(|(_, _, rough)| rough > ROUGH),
        chi1,
        spread: Spreads {
            second_moment: spread(node.norm),
            between_samples: spread(node.apart),
            gradient: spread(gradient.map_or(Noises::NONE, |(_, noise, _)| noise)),
        },
    }
}

/// A value through which all signals go.
struct Point {
    id: SignalId,
    /// The signal of the last layer before it.
    after: SignalId,
}

/// The first value after each layer through which all signals go; the output is none of them.
fn path(followed: &Followed) -> Vec<Point> {
    let steps: Vec<(&[SignalId], &[SignalId])> = (followed.steps.iter())
        .map(|step| (&*step.inputs, &*step.outputs))
        .collect();
    let narrows = narrows(&followed.inputs, &steps);
    let mut points: Vec<Point> = Vec::new();
    for layer in &followed.layers {
        let Some(id) = narrows[layer.step..].iter().find_map(|value| *value) else {
            continue;
        };
        if Some(id) == followed.output {
            continue;
        }
        points.retain(|point| point.id != id);
        points.push(Point {
            id,
            after: layer.signal,
        });
    }
    points
}
