//! One run, measured.

use std::collections::HashSet;

use rayon::prelude::*;
use semilla::Graph;
use semilla::graph::Initializer;
use serde::Serialize;

use super::directions::directions;
use super::flow::Flow;
use super::histogram::Histogram;
use super::layers::{Found, layers};
use super::path::points;
use super::statistics::{Backward, Forward, scale_felt};
use crate::array::Array;
use crate::executor::{Datum, Fault, Gradients, Mode, Problem, Trace, ValueId};
use crate::real::Real;

/// A scale that is felt less than this is taken away by a normalization; what is left is its ε, and
/// what an activation in between makes of scales.
const FELT: f64 = 0.4;
/// The part of a change of gradients that counts where normalizations take scales away.
pub(crate) const NORMALIZED: f64 = 0.5;

/// What one run of a graph shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Its layers, in the order in which they ran.
    pub layers: Vec<Layer>,
    /// The arrays through which all signals go, one per layer or block, from the input to the last
    /// one before the output.
    pub path: Vec<Point>,
    /// The output.
    pub output: Forward,
    /// The squared norm of a sample's gradient there: what the way back began with.
    pub output_gradient: f64,
}

impl Measurement {
    /// The first array of the main path and the last; `None` of shorter paths.
    pub(crate) fn ends(&self) -> Option<(&Point, &Point)> {
        match &*self.path {
            [first, .., last] => Some((first, last)),
            _ => None,
        }
    }

    /// For each array of the main path ln of its squared gradient over that at the path's end, as
    /// steps of training see it: along weights whose scale a normalization takes away, half of it.
    ///
    /// A step at a rate η turns such a weight w by η G / |w|², where G / |w| is its gradient's norm,
    /// and steps make it longer, to |w|⁴ = 2 η² G² t after t of them: the angle is 1/√(2t) whatever G
    /// is (Arora, Li and Lyu 2019). But a start that turns the end by more has to wait for that.
    pub(super) fn log_steps(&self) -> Vec<f64> {
        let is_free = |layer: &&Layer| layer.scale_felt.is_some_and(|felt| felt < FELT);
        let free = self.layers.iter().filter(is_free);
        let free: HashSet<&str> = free.map(|layer| &*layer.weight).collect();
        let Some(last) = self.path.last() else {
            return Vec::new();
        };
        let (mut absorbed, mut next) = (0.0, last);
        let mut logs: Vec<f64> = (self.path.iter().rev())
            .map(|point| {
                let log = (point.gradient / next.gradient).ln();
                if log.is_finite() && free.contains(&*point.after) {
                    absorbed += (1.0 - NORMALIZED) * log;
                }
                next = point;
                (point.gradient / last.gradient).ln() - absorbed
            })
            .collect();
        logs.reverse();
        logs
    }

    /// Whether a layer makes a value of the main path, through which all signals go; any does where
    /// there is none.
    pub(super) fn is_on_path(&self, layer: &Layer) -> bool {
        let mut points = self.path.iter();
        self.path.is_empty() || points.any(|point| point.after == layer.weight)
    }
}

/// A layer: a weight, what it makes, and what comes back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// The name of its weight.
    pub weight: String,
    /// Its operator.
    pub operator: String,
    /// What it makes: the pre-activations.
    pub forward: Forward,
    /// What the activation makes of that, if one follows.
    pub activated: Option<Forward>,
    /// The gradients of what it makes; `None` where none come back.
    pub backward: Option<Backward>,
    /// The mean square of the gradients of its weight.
    pub weight_gradient: Option<f64>,
    /// How much the loss feels the scale of what it makes: about 1 where nothing takes it away, 0
    /// where a normalization does.
    pub scale_felt: Option<f64>,
    /// How the pre-activations are distributed; not in JSON, which has their moments.
    #[serde(skip)]
    pub histogram: Option<Histogram>,
    /// How their gradients are distributed; not in JSON either.
    #[serde(skip)]
    pub gradient_histogram: Option<Histogram>,
}

/// An array through which all signals go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The weight of the last layer before it.
    pub after: String,
    /// The signal.
    pub forward: Forward,
    /// The squared norm of a sample's gradient there.
    pub gradient: f64,
    /// In how many directions samples differ: (Σλ)² / Σλ² over the eigenvalues λ of their
    /// covariance.
    pub directions: f64,
}

/// Runs a graph forward, then back from a gradient of standard normal numbers at its first output,
/// and looks at every layer.
///
/// # Errors
/// The graph does not run on these inputs and weights, makes no numbers, or has no layer that takes
/// them.
pub fn measure<'n>(
    graph: &Graph,
    inputs: impl IntoIterator<Item = (&'n str, Datum<f32>)>,
    weights: impl Fn(&Initializer) -> Option<Datum<f32>>,
    seed: u64,
) -> Result<Measurement, Fault> {
    let trace = Trace::record(graph, Mode::Training, inputs, weights)?;
    let output = output(&trace, graph)?;
    let flow = Flow::of(&trace);
    let found = layers(&trace, graph, &flow);
    if found.is_empty() {
        return Err(of_model(Problem::NoLayers));
    }
    let narrow = points(&trace, &flow, &found, output);
    let of_path = narrow.iter().map(|&(value, _)| value);
    let of_weights = trace.weights().iter().map(|&(_, id)| id);
    let of_layers = found.iter().map(|layer| layer.output);
    let looked_at: HashSet<ValueId> = of_path.chain(of_weights).chain(of_layers).collect();
    let seed = noise(trace.array(output).shape(), seed);
    let output_gradient = Backward::of(&seed, 0).squared_norm;
    let gradients = trace.gradients_of([(output, seed)], |value| looked_at.contains(&value));
    let layer = |found: &Found| layer(&trace, &gradients, found);
    Ok(Measurement {
        layers: found.par_iter().map(layer).collect(),
        path: path(&trace, &gradients, &found, narrow),
        output: Forward::of(trace.array(output)),
        output_gradient,
    })
}

/// The layers of a trace, measured.
pub(crate) fn measured_layers(
    trace: &Trace<f32>,
    graph: &Graph,
    gradients: &Gradients<f32>,
) -> Vec<Layer> {
    let found = layers(trace, graph, &Flow::of(trace));
    let layer = |found: &Found| layer(trace, gradients, found);
    found.par_iter().map(layer).collect()
}

/// The first output that is numbers.
pub(crate) fn output<T: Real>(trace: &Trace<T>, graph: &Graph) -> Result<ValueId, Fault> {
    let unsupported = |what: &str| of_model(Problem::Unsupported(what.to_owned()));
    let mut outputs = graph.main().outputs.iter();
    let output = outputs
        .find_map(|output| trace.find(&output.name))
        .ok_or_else(|| unsupported("an output without floats"))?;
    match trace.array(output).data().is_empty() {
        true => Err(unsupported("a batch of no samples")),
        false => Ok(output),
    }
}

/// What is wrong with the model as a whole.
fn of_model(problem: Problem) -> Fault {
    let node = "the model".to_owned();
    Fault { node, problem }
}

fn layer(trace: &Trace<f32>, gradients: &Gradients<f32>, found: &Found) -> Layer {
    let (weight, id) = &trace.weights()[found.weight];
    Layer {
        weight: weight.clone(),
        operator: found.operator.clone(),
        forward: Forward::of(trace.array(found.output)),
        activated: found.activated.map(|value| Forward::of(trace.array(value))),
        backward: gradients
            .of(found.output)
            .map(|array| Backward::of(array, found.units)),
        weight_gradient: gradients.of(*id).map(Array::mean_square),
        scale_felt: (gradients.of(found.output))
            .and_then(|gradient| scale_felt(trace.array(found.output), gradient, found.units)),
        histogram: Histogram::of(trace.array(found.output)),
        gradient_histogram: gradients.of(found.output).and_then(Histogram::of),
    }
}

/// The arrays of the main path, measured.
fn path(
    trace: &Trace<f32>,
    gradients: &Gradients<f32>,
    layers: &[Found],
    narrow: Vec<(ValueId, usize)>,
) -> Vec<Point> {
    let point = |(value, layer): (ValueId, usize)| {
        let layer = &layers[layer];
        let gradient = gradients
            .of(value)
            .map(|array| Backward::of(array, layer.units));
        Point {
            after: trace.weights()[layer.weight].0.clone(),
            forward: Forward::of(trace.array(value)),
            directions: directions(trace.array(value)),
            gradient: gradient.map_or(0.0, |backward| backward.squared_norm),
        }
    };
    narrow.into_par_iter().map(point).collect()
}

/// The gradient of an output that nothing is asked of: standard normal numbers.
pub(super) fn noise<T: Real>(shape: &[usize], seed: u64) -> Array<T> {
    crate::noise::noise(shape, seed, "the gradient of the output")
}
