//! How long theory alone takes.

use std::error::Error;
use std::time::{Duration, Instant};

use semilla::graph::Initializer;
use semilla::{Recipe, init};
use semilla_checkpoint::ops::{DescribeOptions, describe};
use semilla_signal::Batch;
use semilla_signal::theory::{Given, WeightMoments, predict};

/// Networks of many layers: known ones, and some of a thousand layers, plain, normalized and residual.
const MODELS: [&str; 15] = [
    "resnet:depth=152",
    "vit:large",
    "gpt2:xl",
    "llama:8b",
    "mlp:{}10:relu",
    "mlp:{}10:leaky_relu",
    "mlp:{}10:tanh",
    "mlp:{}10:gelu",
    "mlp:{}10:silu",
    "mlp:{}10:sigmoid",
    "mlp:{}10:selu",
    "mlp:{}10:relu:norm=batch",
    "mlp:{}10:gelu:norm=layer",
    "resmlp:depth=1000:width=512:activation=gelu",
    "resmlp:depth=1000:width=512:norm=layer",
];

/// Prints the shortest of several runs and the one in their middle, of the networks with this in their
/// name. The first run fills tables of activations.
pub(crate) fn speed(part: &str) -> Result<(), Box<dyn Error>> {
    println!(
        "{:44} {:>8} {:>12} {:>12} {:>12}",
        "model", "layers", "first", "best of 9", "median"
    );
    for model in MODELS.iter().filter(|model| model.contains(part)) {
        let text = model.replace("{}", &"512-".repeat(1000));
        let described = describe(&text, DescribeOptions::default())?;
        let graph = described.graph()?;
        let plan = Recipe::scheme(init::kaiming_normal()).plan(&described.model, 0)?;
        let batch = Batch {
            samples: 8,
            ..Batch::default()
        };
        let inputs = batch.inputs(&graph)?;
        let given = inputs
            .iter()
            .map(|(name, datum)| (name.clone(), Given::of(datum)));
        let given: Vec<(String, Given)> = given.collect();
        let moments: std::collections::HashMap<&str, WeightMoments> = (plan.tensors.iter())
            .filter_map(|line| Some((&*line.name, WeightMoments::of_line(line)?)))
            .collect();
        let weights = |tensor: &Initializer| moments.get(tensor.tensor.as_deref()?).copied();
        let mut times: Vec<Duration> = Vec::new();
        let mut layers = 0;
        for _ in 0..10 {
            let start = Instant::now();
            layers = predict(&graph, weights, &given).layers.len();
            times.push(start.elapsed());
        }
        let first = times[0];
        times[1..].sort();
        let (best, median) = (times[1], times[5]);
        let name = model.replace("{}", "1000x512-");
        println!("{name:44} {layers:8} {first:>12.2?} {best:>12.2?} {median:>12.2?}");
    }
    Ok(())
}
