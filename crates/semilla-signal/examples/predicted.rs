//! Predicted beside measured: `predicted [--samples N] [--seeds N] [--size AXIS=N] MODEL RECIPE ...`
//!
//! Runs each model, whatever `semilla check` runs, with the weights that the recipe behind it plans,
//! and prints how far the measured layers are from the predicted ones: the part of layers within 4
//! standard deviations, their root mean square, and the farthest.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use semilla::Recipe;
use semilla::graph::Initializer;
use semilla_checkpoint::ops::{DescribeOptions, describe};
use semilla_signal::theory::{Given, Scores, WeightMoments, predict};
use semilla_signal::{Batch, Datum, Measurement, measure};

fn main() -> Result<(), Box<dyn Error>> {
    let mut batch = Batch {
        samples: 32,
        ..Batch::default()
    };
    let (mut seeds, mut full) = (3, false);
    let mut arguments = std::env::args().skip(1);
    let mut total = Summary::default();
    println!("{:44} {:12} {}", "model", "recipe", Summary::HEADER);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match &*argument {
            "--samples" => batch.samples = value()?.parse()?,
            "--seeds" => seeds = value()?.parse()?,
            "--full" => full = true,
            "--size" => {
                let text = value()?;
                let (axis, size) = text.split_once('=').ok_or("write AXIS=N")?;
                batch.sizes.insert(axis.to_owned(), size.parse()?);
            }
            model => {
                let recipe = value()?;
                let found = compared(model, &recipe, &batch, seeds, full)?;
                println!("{:44.44} {recipe:12} {found}", model);
                total.add(&found);
            }
        }
    }
    println!("{:44} {:12} {total}", "all", "");
    Ok(())
}

fn compared(
    text: &str,
    recipe: &str,
    batch: &Batch,
    seeds: u64,
    full: bool,
) -> Result<Summary, Box<dyn Error>> {
    let sizes = batch.sizes.iter().map(|(axis, size)| (axis.clone(), *size));
    let options = DescribeOptions {
        sizes: sizes.collect(),
        ..DescribeOptions::default()
    };
    let described = describe(text, options)?;
    let (model, graph) = (&described.model, &*described.graph()?);
    let recipe = Recipe::named(recipe)?;
    let inputs = batch.inputs(graph)?;
    let mut measurements: Vec<Measurement> = Vec::new();
    let mut moments: HashMap<String, WeightMoments> = HashMap::new();
    for seed in 0..seeds {
        let plan = recipe.plan(model, seed)?;
        let mut made: HashMap<String, Datum<f32>> = HashMap::new();
        for line in &plan.tensors {
            let datum = Datum::decode(line.dtype, &line.shape, &line.to_bytes()?);
            let known = WeightMoments::of_line(line);
            if let (0, Some(Datum::Float(array))) = (seed, &datum) {
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
    let start = Instant::now();
    let prediction = predict(graph, weights, &given);
    let time = start.elapsed().as_secs_f64();
    let scores = prediction.scores(&measurements);
    if full {
        for (layer, score) in prediction.layers.iter().zip(&scores) {
            let run = measurements[0]
                .layers
                .iter()
                .find(|run| run.weight == layer.weight);
            let Some(run) = run else { continue };
            let gradient =
                run.backward.map_or(0.0, |g| g.squared_norm) / measurements[0].output_gradient;
            println!(
                "  {:34.34} q {:9.3e} {:9.3e} z {:6.2} | d {:9.3e} {:9.3e} z {:6.2} | g {:9.3e} {:9.3e} z {:6.2} | c {:6.3} {:6.3} z {:6.2} | m {:9.2e} {:9.2e} z {:6.2} sd {:.3} {:.3} {:.3}",
                layer.weight,
                layer.second_moment,
                run.forward.second_moment,
                score.second_moment.unwrap_or(f64::NAN),
                layer.between_samples.unwrap_or(f64::NAN),
                run.forward.between_samples,
                score.between_samples.unwrap_or(f64::NAN),
                layer.gradient.unwrap_or(f64::NAN),
                gradient,
                score.gradient.unwrap_or(f64::NAN),
                layer.cosine.unwrap_or(f64::NAN),
                run.forward.cosine.unwrap_or(f64::NAN),
                score.cosine.unwrap_or(f64::NAN),
                layer.mean,
                run.forward.mean,
                score.mean.unwrap_or(f64::NAN),
                layer.spread.second_moment.deviation,
                layer.spread.between_samples.deviation,
                layer.spread.gradient.deviation,
            );
        }
        println!("  {prediction}");
        for end in &prediction.ends {
            println!("  ends at {}: {}", end.at, end.because);
        }
        for assumed in &prediction.assumed {
            println!("  assumed: {assumed}");
        }
        println!("  {:.2} ms", time * 1e3);
    }
    let layers = measurements.first().map_or(0, |run| run.layers.len());
    Ok(Summary::of(&scores, layers))
}

/// How far the layers of networks are from their predictions.
#[derive(Default)]
struct Summary {
    layers: usize,
    /// Layers with a prediction.
    predicted: usize,
    /// For each quantity all scores.
    scores: [Vec<f64>; 3],
}

impl Summary {
    const HEADER: &'static str =
        "layers  predicted  |z|<4  E[x²] rms worst  between rms worst  gradient rms worst";

    fn of(scores: &[Scores], layers: usize) -> Self {
        let all = |of: fn(&Scores) -> Option<f64>| scores.iter().filter_map(of).collect();
        Self {
            layers,
            predicted: scores.len(),
            scores: [
                all(|score| score.second_moment),
                all(|score| score.between_samples),
                all(|score| score.gradient),
            ],
        }
    }

    fn add(&mut self, other: &Self) {
        self.layers += other.layers;
        self.predicted += other.predicted;
        for (own, more) in self.scores.iter_mut().zip(&other.scores) {
            own.extend(more);
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<f64> = self.scores.iter().flatten().copied().collect();
        let near = all.iter().filter(|z| z.abs() < 4.0).count() as f64;
        let share = 100.0 * near / all.len().max(1) as f64;
        write!(f, "{:6} {:10} {share:5.1}%", self.layers, self.predicted)?;
        for scores in &self.scores {
            let square = scores.iter().map(|z| z * z).sum::<f64>() / scores.len().max(1) as f64;
            let worst = scores.iter().fold(0.0f64, |worst, z| worst.max(z.abs()));
            write!(f, "  {:8.2} {worst:8.2}", square.sqrt())?;
        }
        Ok(())
    }
}
