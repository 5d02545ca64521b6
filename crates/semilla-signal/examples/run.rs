//! Runs a model forward and backward: `run MODEL GIVEN.safetensors MADE.safetensors [WEIGHTS]`.
//!
//! `MODEL` is whatever `semilla check` runs; its weights come from its own file, or from `WEIGHTS`.
//! `GIVEN` has the inputs by name, and for each output whose gradient flows back a tensor
//! `seed:NAME`. `MADE` gets the outputs by name, and `gradient:NAME` of inputs and weights.
//! With `--training`, batch normalizations use the batch's own statistics.
//!
//! With `--steps=OPTIMIZER,RATE,DECAY,STEPS` it is trained on `GIVEN`, whose tensor `labels` has
//! classes: prints the loss before each step, and `MADE` gets the weights.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use semilla::DType;
use semilla::graph::{Graph, Initializer};
use semilla_checkpoint::ops::{DescribeOptions, describe};
use semilla_checkpoint::{Checkpoint, Metadata, SafetensorsWriter, TensorInfo, Tensors, open};
use semilla_signal::{
    Array, Datum, Labels, Loss, Mode, Network, Parameter, Stepper, Trace, Training,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, paths): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let (model, given, made, weights) = match &*paths {
        [model, given, made] => (model, given, made, model),
        [model, given, made, weights] => (model, given, made, weights),
        _ => return Err("usage: run MODEL GIVEN.safetensors MADE.safetensors [WEIGHTS]".into()),
    };
    let mode = match flags.iter().any(|flag| flag == "--training") {
        true => Mode::Training,
        false => Mode::Inference,
    };
    let model = describe(model, DescribeOptions::default())?;
    let graph = &*model.graph()?;
    let weights = all(&*open(weights)?)?;
    let given = all(&*open(given)?)?;
    if let Some(steps) = flags.iter().find_map(|flag| flag.strip_prefix("--steps=")) {
        return train(graph, given, weights, steps, made);
    }
    let seed_of = |name: &str| name.strip_prefix("seed:").map(str::to_owned);
    let inputs = given.iter().filter(|(name, _)| seed_of(name).is_none());
    let inputs: Vec<(&str, Datum<f32>)> = inputs
        .map(|(name, datum)| (&**name, datum.clone()))
        .collect();
    let names: Vec<String> = inputs.iter().map(|(name, _)| (*name).to_owned()).collect();
    let values = |tensor: &Initializer| weights.get(tensor.tensor.as_ref()?).cloned();
    let start = Instant::now();
    let trace = Trace::record(graph, mode, inputs, values)?;
    let forward = start.elapsed();
    let mut seeds = Vec::new();
    for (name, datum) in &given {
        if let (Some(name), Datum::Float(seed)) = (seed_of(name), datum) {
            let value = trace.find(&name).ok_or("a seed is of an output")?;
            seeds.push((value, seed.clone()));
        }
    }
    let gradients = trace.gradients(seeds);
    let backward = start.elapsed() - forward;
    println!(
        "forward {:.4} backward {:.4}",
        forward.as_secs_f64(),
        backward.as_secs_f64()
    );
    let mut results: Vec<(String, &Array<f32>)> = Vec::new();
    for output in &graph.main().outputs {
        if let Some(value) = trace.find(&output.name) {
            results.push((output.name.clone(), trace.array(value)));
        }
    }
    let tensors = graph.main().initializers.iter();
    let tensors = tensors.filter_map(|tensor| Some((&tensor.name, tensor.tensor.as_ref()?)));
    let live = names.iter().map(|name| (name, name)).chain(tensors);
    for (name, stored) in live {
        let gradient = trace.find(name).and_then(|value| gradients.of(value));
        results.extend(gradient.map(|gradient| (format!("gradient:{stored}"), gradient)));
    }
    write(made, &results)
}

/// Trains on one batch.
fn train(
    graph: &Graph,
    mut given: HashMap<String, Datum<f32>>,
    weights: HashMap<String, Datum<f32>>,
    steps: &str,
    made: &str,
) -> Result<(), Box<dyn Error>> {
    let [optimizer, rate, decay, steps] = steps.split(',').collect::<Vec<_>>()[..] else {
        return Err("--steps=OPTIMIZER,RATE,DECAY,STEPS".into());
    };
    let labels = match given.remove("labels") {
        Some(Datum::Whole(labels)) => Labels::Classes(labels.into_data()),
        _ => return Err("labels are whole numbers".into()),
    };
    let inputs: Vec<(String, Datum<f32>)> = given.into_iter().collect();
    let network = Network::new(graph, inputs.clone(), |name| {
        Ok::<_, Box<dyn Error>>(weights.get(name).cloned().map(Parameter::from))
    })?;
    let rate: f64 = rate.parse()?;
    let stepper = Stepper::new(optimizer.parse()?, rate).with_decay(decay.parse()?);
    let mut training = Training::new(network, Loss::CrossEntropy, stepper);
    for _ in 0..steps.parse()? {
        println!("{}", training.step(inputs.clone(), &labels, rate)?);
    }
    let network = training.network();
    let weights = network
        .names()
        .filter_map(|name| Some((name.to_owned(), network.values(name)?)));
    write(made, &weights.collect::<Vec<_>>())
}

/// All tensors of a file.
fn all(file: &dyn Checkpoint) -> Result<HashMap<String, Datum<f32>>, Box<dyn Error>> {
    let mut tensors = HashMap::new();
    for (place, info) in file.tensors().iter().enumerate() {
        let mut bytes = vec![0; info.bytes() as usize];
        file.read(place, 0, &mut bytes)?;
        let datum = Datum::decode(info.dtype(), info.shape(), &bytes);
        tensors.insert(
            info.name().to_owned(),
            datum.ok_or("as many values as the shape has")?,
        );
    }
    Ok(tensors)
}

fn write(path: &str, results: &[(String, &Array<f32>)]) -> Result<(), Box<dyn Error>> {
    let infos: Result<Vec<TensorInfo>, _> = results
        .iter()
        .map(|(name, array)| TensorInfo::new(name.as_str(), DType::F32, array.shape()))
        .collect();
    let writer = SafetensorsWriter::create(
        Path::new(path),
        Tensors::new(infos?)?,
        Metadata::new(),
        None,
    )?;
    let writer: Box<dyn semilla_checkpoint::CheckpointWriter> = Box::new(writer);
    for (place, (_, array)) in results.iter().enumerate() {
        let bytes: Vec<u8> = array.data().iter().flat_map(|x| x.to_le_bytes()).collect();
        if !bytes.is_empty() {
            writer.write(place, 0, &bytes)?;
        }
    }
    writer.finish()?;
    Ok(())
}
