//! From a graph to a prediction.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use semilla::Graph;
use semilla::graph::Initializer;

use super::dead::Deaths;
use super::input::Given;
use super::interpret::{Met, follow};
use super::jacobian::isometry;
use super::node::{Node, SignalId};
use super::path::Point;
use super::prediction::{Predicted, Prediction, Spread, Spreads};
use super::reach::reach;
use super::scale_free::absorbed;
use super::spread::{NoiseId, Noises};
use super::tangent::tangent;
use super::weights::WeightMoments;
use super::whole::Whole;

/// A signal is known roughly if more of it is.
const ROUGH: f64 = 0.02;

/// Predicts what random weights do to the signals and gradients of a graph, by mean-field theory.
/// Nothing is run.
///
/// `weights` gives the moments of a tensor; `inputs` what is known of the data, by the names of the
/// graph's inputs, and the whole numbers that the model stores, by the names of their tensors. [The rules, what they assume and where they end][1].
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
    let whole = Whole::of(follow(graph, &weights, inputs));
    let deaths = Deaths::of(&whole);
    let chi1 = factors(&whole);
    let layers: Vec<Predicted> = (whole.followed.layers.iter())
        .filter(|layer| whole.node(layer.signal).signal.square().is_finite())
        .map(|layer| Predicted {
            dead: deaths.part(layer.signal),
            chi1: chi1.get(&layer.signal).copied(),
            ..predicted(&whole, layer)
        })
        .collect();
    let ends = match &*whole.path {
        [first, .., last] => Some((first.id, last.id)),
        _ => None,
    };
    let log_gradients = ends.and_then(|(first, last)| {
        let log = |id: SignalId| {
            let norm = whole.gradient(id)?;
            Some(norm.value.ln() + whole.spread(norm.noise).drift)
        };
        finite(log(first)? - log(last)?)
    });
    let log_differences = ends.and_then(|(first, last)| {
        let log = |id: SignalId| {
            let node = whole.node(id);
            between_samples(node).map(|d| d.ln() + whole.spread(node.apart).drift)
        };
        finite(log(last)? - log(first)?)
    });
    let log_lengths = ends.and_then(|(first, last)| {
        let log = |id: SignalId| {
            let node = whole.node(id);
            node.signal.square().ln() + whole.spread(node.norm).drift
        };
        finite(log(last) - log(first))
    });
    let mut assumed = whole.followed.assumed.clone();
    assumed.extend(roughly_known(&layers));
    Prediction {
        layers,
        depth: whole.path.len(),
        log_gradients,
        log_steps: log_gradients.map(|log| log - absorbed(&whole)),
        log_differences,
        log_lengths,
        reach: reach(&whole),
        isometry: isometry(&whole),
        tangent: tangent(&whole),
        born_dead: deaths.born,
        ends: whole.followed.ends,
        assumed,
    }
}

/// For each reason for which layers are known roughly only, a sentence.
fn roughly_known(layers: &[Predicted]) -> Vec<String> {
    let mut found: Vec<(&str, [usize; 2])> = Vec::new();
    for layer in layers {
        let Some(why) = layer.rough_because else {
            continue;
        };
        let place = found.iter().position(|(known, _)| *known == why);
        let place = place.unwrap_or_else(|| {
            found.push((why, [0, 0]));
            found.len() - 1
        });
        let counts = &mut found[place].1;
        counts[0] += usize::from(layer.is_rough);
        counts[1] += usize::from(layer.is_gradient_rough);
    }
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    let sentence = |(why, [signals, gradients]): &(&str, [usize; 2])| {
        format!(
            "{} and {} are known roughly only, and get no score: they lie {why}",
            count(*signals, "signal"),
            count(*gradients, "gradient")
        )
    };
    found.iter().map(sentence).collect()
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

/// All but what dies and χ₁.
fn predicted(whole: &Whole, layer: &Met) -> Predicted {
    let node = whole.node(layer.signal);
    let gradient = whole.gradient(layer.signal);
    let roughest = gradient.map_or(node.rough, |norm| node.rough.max(norm.rough));
    let signal = &node.signal;
    let spread = |id: NoiseId| {
        let found = whole.spread(id);
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
    let of_unit = signal.mean_along(rest) - signal.mean * signal.mean;
    Predicted {
        weight: layer.weight.clone(),
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
        gradient: gradient.map(|norm| norm.value),
        is_rough: node.rough.part > ROUGH,
        is_gradient_rough: gradient.is_some_and(|norm| norm.rough.part > ROUGH),
        rough_because: (roughest.part > ROUGH).then_some(roughest.why),
        dead: None,
        chi1: None,
        spread: Spreads {
            second_moment: spread(node.norm),
            between_samples: spread(node.apart),
            gradient: spread(gradient.map_or(Noises::NONE, |norm| norm.noise)),
        },
    }
}

/// The factors on squared gradients from the next value on the main path to that of a layer.
fn factors(whole: &Whole) -> HashMap<SignalId, f64, RandomState> {
    let norm = |point: &Point| Some(whole.gradient(point.id)?.value);
    let factor = |two: &[Point]| {
        let (here, next) = (norm(&two[0])?, norm(&two[1])?);
        (next > 0.0).then_some((two[0].after, here / next))
    };
    whole.path.windows(2).filter_map(factor).collect()
}
