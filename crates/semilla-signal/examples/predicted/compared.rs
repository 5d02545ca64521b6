//! One network, predicted and measured.

use std::collections::HashMap;
use std::error::Error;

use semilla::graph::Initializer;
use semilla::{Recipe, init};
use semilla_checkpoint::ops::{DescribeOptions, describe};
use semilla_signal::theory::{Given, Predicted, Prediction, Scores, WeightMoments, predict};
use semilla_signal::{Batch, Datum, Layer, Measurement, measure};

use super::summary::{FAR, Summary};

pub(crate) struct Compared {
    pub(crate) model: String,
    pub(crate) recipe: String,
    pub(crate) prediction: Prediction,
    pub(crate) summary: Summary,
    /// All numbers of each layer.
    pub(crate) layers: Vec<String>,
    /// The layers that are far from the prediction.
    pub(crate) far: Vec<String>,
}

/// Runs a network from several seeds beside what theory says of it.
pub(crate) fn compared(
    text: &str,
    recipe_name: &str,
    batch: &Batch,
    seeds: u64,
) -> Result<Compared, Box<dyn Error>> {
    let sizes = batch.sizes.iter().map(|(axis, size)| (axis.clone(), *size));
    let options = DescribeOptions {
        sizes: sizes.collect(),
        ..DescribeOptions::default()
    };
    let described = describe(text, options)?;
    let (model, graph) = (&described.model, &*described.graph()?);
    let recipe = match recipe_name.parse::<init::Initializer>() {
        Ok(scheme) => Recipe::scheme(scheme),
        Err(_) => Recipe::named(recipe_name)?,
    };
    let inputs = batch.inputs(graph)?;
    let mut measurements: Vec<Measurement> = Vec::new();
    let mut moments: HashMap<String, WeightMoments> = HashMap::new();
    for seed in 0..seeds {
        let plan = recipe.plan(model, seed)?;
        let mut made: HashMap<String, Datum<f32>> = HashMap::new();
        for line in &plan.tensors {
            let mut bytes = line.to_bytes()?;
            if let Some(factor) = line.multiplier {
                bytes = scaled(&bytes, factor as f32);
            }
            let datum = Datum::decode(line.dtype, &line.shape, &bytes);
            if let (0, Some(Datum::Float(array))) = (seed, &datum) {
                let known = WeightMoments::of_line(line);
                let own = known.unwrap_or_else(|| WeightMoments::of_values(array.data()));
                moments.insert(line.name.clone(), own);
            }
            made.extend(datum.map(|datum| (line.name.clone(), datum)));
        }
        let weights = |tensor: &Initializer| made.get(tensor.tensor.as_ref()?).cloned();
        let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        measurements.push(measure(graph, inputs, weights, seed)?);
    }
    let given: Vec<(String, Given)> = inputs
        .iter()
        .map(|(name, datum)| (name.clone(), Given::of(datum)))
        .collect();
    let weights = |tensor: &Initializer| moments.get(tensor.tensor.as_ref()?).copied();
    let prediction = predict(graph, weights, &given);
    let scores = prediction.scores(&measurements);
    let (mut layers, mut far) = (Vec::new(), Vec::new());
    for (layer, score) in prediction.layers.iter().zip(&scores) {
        let line = line(layer, score, &measurements);
        if score.worst().is_some_and(|z| z.abs() >= FAR) {
            far.extend(line.clone());
        }
        layers.extend(line);
    }
    let count = measurements.first().map_or(0, |run| run.layers.len());
    Ok(Compared {
        model: text.to_owned(),
        recipe: recipe_name.to_owned(),
        summary: Summary::of(&scores, count),
        prediction,
        layers,
        far,
    })
}

/// Values of single precision times a number.
fn scaled(bytes: &[u8], factor: f32) -> Vec<u8> {
    let (values, _) = bytes.as_chunks();
    let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes));
    values.flat_map(|x| (x * factor).to_le_bytes()).collect()
}

/// All numbers of a layer: predicted, the geometric mean of those measured, and its score.
fn line(layer: &Predicted, score: &Scores, runs: &[Measurement]) -> Option<String> {
    let found: Option<Vec<(&Layer, f64)>> = (runs.iter())
        .map(|run| {
            let mut own = run.layers.iter().filter(|own| own.weight == layer.weight);
            own.next().map(|own| (own, run.output_gradient))
        })
        .collect();
    let found = found?;
    let typical = |of: &dyn Fn(&Layer, f64) -> f64| {
        let logs: f64 = found.iter().map(|(own, out)| of(own, *out).ln()).sum();
        (logs / found.len() as f64).exp()
    };
    let gradient = |own: &Layer, out: f64| own.backward.map_or(0.0, |g| g.squared_norm) / out;
    let nan = f64::NAN;
    let rows = [
        (
            "E[x²]",
            layer.second_moment,
            typical(&|own, _| own.forward.second_moment),
            score.second_moment,
            layer.spread.second_moment.deviation,
        ),
        (
            "between",
            layer.between_samples.unwrap_or(nan),
            typical(&|own, _| own.forward.between_samples),
            score.between_samples,
            layer.spread.between_samples.deviation,
        ),
        (
            "|g|²",
            layer.gradient.unwrap_or(nan),
            typical(&gradient),
            score.gradient,
            layer.spread.gradient.deviation,
        ),
    ];
    let mut line = format!("{:42.42}", layer.weight);
    for (name, expected, measured, score, deviation) in rows {
        let z = score.unwrap_or(nan);
        line += &format!("  {name} {expected:9.3e} {measured:9.3e} ±{deviation:.3} z {z:5.1}");
    }
    Some(line)
}
