//! muP's coordinate check: how far the first steps move each layer's output, at several widths.

use semilla::Graph;
use serde::Serialize;

use super::error::TrainError;
use super::first_step::{norm, of_network, outputs};
use super::loss::Loss;
use super::network::Network;
use super::optimizer::{Optimizer, Stepper};
use super::slope::Slope;
use crate::measure::measurement::output;

/// A slope that is surely beyond this, either way, fails: moves that stay the same have slope 0,
/// and in the standard parametrization those of the output have slope 1 (Yang et al. 2022,
/// figure 5).
const LIMIT: f64 = 0.25;

/// How far the first steps move each layer's output, at several widths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coordinates {
    /// Whether no layer's moves grow or shrink with width.
    pub passes: bool,
    /// The loss.
    pub loss: Loss,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Its learning rate.
    pub lr: f64,
    /// The steps that were taken.
    pub steps: usize,
    /// The widths.
    pub widths: Vec<usize>,
    /// The seeds of each width.
    pub seeds: usize,
    /// The layers, in the order in which they ran.
    pub layers: Vec<Coordinate>,
}

/// How far the first steps move one layer's output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coordinate {
    /// The name of its weight.
    pub weight: String,
    /// The root mean square of the move after the last step, the mean over seeds, at each width.
    pub moves: Vec<f64>,
    /// The slope of ln move by ln width after each step, over all seeds; `None` where nothing
    /// moves.
    pub slopes: Vec<Option<Slope>>,
    /// Whether the last slope is not surely beyond ±0.25.
    pub passes: bool,
}

impl Coordinate {
    /// The slope after the last step.
    pub fn slope(&self) -> Option<Slope> {
        self.slopes.last().copied().flatten()
    }
}

/// Takes a few steps at each width with each seed, and fits how the moves of each layer's output
/// depend on width. `network` makes the network of a width's graph and a seed.
///
/// # Errors
/// Those of `network`; a network that does not run, or that has other layers than the first.
pub fn coordinates<'g, E: From<TrainError>>(
    graphs: &[(usize, &'g Graph)],
    seeds: &[u64],
    loss: Loss,
    (optimizer, lr): (Optimizer, f64),
    steps: usize,
    mut network: impl FnMut(usize, &'g Graph, u64) -> Result<Network<'g>, E>,
) -> Result<Coordinates, E> {
    let mut runs: Vec<Run> = Vec::new();
    for &(width, graph) in graphs {
        for &seed in seeds {
            let mut network = network(width, graph, seed)?;
            let stepper = Stepper::new(optimizer, lr);
            let moves = moves(&mut network, loss, stepper, steps, seed)?;
            runs.push(Run { width, moves });
        }
    }
    let first = runs.first().map_or(&[][..], |run| &run.moves);
    let layers: Result<Vec<Coordinate>, TrainError> = (first.iter().enumerate())
        .map(|(place, (weight, _))| coordinate(place, weight, graphs, &runs, steps))
        .collect();
    let layers = layers?;
    Ok(Coordinates {
        passes: layers.iter().all(|layer| layer.passes),
        loss,
        optimizer,
        lr,
        steps,
        widths: graphs.iter().map(|(width, _)| *width).collect(),
        seeds: seeds.len(),
        layers,
    })
}

/// The moves of one network's layers after each step.
struct Run {
    width: usize,
    moves: Vec<(String, Vec<f64>)>,
}

/// The root mean square by which each layer's output has moved after each step.
fn moves(
    network: &mut Network<'_>,
    loss: Loss,
    mut stepper: Stepper,
    steps: usize,
    seed: u64,
) -> Result<Vec<(String, Vec<f64>)>, TrainError> {
    let start = network.run()?;
    let output = output(&start, network.graph())?;
    let layers = outputs(&start, network.graph());
    let shape = start.array(output).shape();
    let (labels, _) = of_network(network, loss, None, shape, seed)?;
    let mut moves: Vec<(String, Vec<f64>)> = layers
        .iter()
        .map(|(name, _)| (name.clone(), Vec::new()))
        .collect();
    let gradient = loss.of(start.array(output), &labels)?.gradient;
    let gradients = start.gradients_of_weights([(output, gradient)]);
    let uses = network.uses(&start);
    stepper.step_at(network, &uses, &gradients);
    for step in 0..steps {
        let now = network.run()?;
        for ((_, value), (_, moves)) in layers.iter().zip(&mut moves) {
            let (before, after) = (start.array(*value).data(), now.array(*value).data());
            let pairs = before.iter().zip(after);
            let moved = norm(pairs.map(|(&a, &b)| f64::from(b) - f64::from(a)));
            moves.push(moved / (before.len().max(1) as f64).sqrt());
        }
        if step + 1 < steps {
            let gradient = loss.of(now.array(output), &labels)?.gradient;
            let gradients = now.gradients_of_weights([(output, gradient)]);
            let uses = network.uses(&now);
            stepper.step_at(network, &uses, &gradients);
        }
    }
    Ok(moves)
}

fn coordinate(
    place: usize,
    weight: &str,
    graphs: &[(usize, &Graph)],
    runs: &[Run],
    steps: usize,
) -> Result<Coordinate, TrainError> {
    let missing = || TrainError::Layers(weight.to_owned());
    let mut all = Vec::with_capacity(runs.len());
    for run in runs {
        let found = run.moves.get(place).filter(|(name, _)| name == weight);
        all.push((run.width, &found.ok_or_else(missing)?.1));
    }
    let slope = |step: usize| {
        let point = |(width, moves): &(usize, &Vec<f64>)| {
            let log = moves.get(step)?.ln();
            log.is_finite().then_some(((*width as f64).ln(), log))
        };
        let points: Option<Vec<(f64, f64)>> = all.iter().map(point).collect();
        Slope::through(&points?)
    };
    let slopes: Vec<Option<Slope>> = (0..steps).map(slope).collect();
    let mean = |&(width, _): &(usize, &Graph)| {
        let own: Vec<f64> = all
            .iter()
            .filter(|(other, _)| *other == width)
            .filter_map(|(_, moves)| moves.last().copied())
            .collect();
        own.iter().sum::<f64>() / own.len().max(1) as f64
    };
    let moves: Vec<f64> = graphs.iter().map(mean).collect();
    let is_still = moves.iter().all(|&moved| moved == 0.0);
    let last = slopes.last().copied().flatten();
    Ok(Coordinate {
        weight: weight.to_owned(),
        passes: match last {
            Some(slope) => slope.low <= LIMIT && slope.high >= -LIMIT,
            // A layer that does not move at any width keeps its size; one that is not finite fails.
            None => is_still,
        },
        moves,
        slopes,
    })
}
