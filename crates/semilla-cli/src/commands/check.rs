use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use semilla::Graph;
use semilla::graph::Initializer;
use semilla::model::Spec;
use semilla_checkpoint::ops::{Described, MemoryError, Planned};
use semilla_checkpoint::{Checkpoint, open};
use semilla_signal::{Batch, Datum, Report, check, measure, remedy};

use crate::args::batch::BatchArgs;
use crate::args::check::CheckArgs;
use crate::commands::check_page;
use crate::commands::checked::Checked;
use crate::commands::planned::{described, planned};
use crate::failure::Failure;
use crate::show::check::print;
use crate::show::output::Output;
use crate::show::remedy::print_remedy;

/// `semilla check`: what the first weights do to signals; whether they pass.
pub(crate) fn run(args: &CheckArgs, output: &mut Output) -> Result<bool, Failure> {
    let model = described(&args.plan.model)?;
    let name = args.plan.model.model.as_deref().unwrap_or_default();
    check_page::check_target(args, model.as_ref())?;
    let graph = graph(name, model.as_ref())?;
    let inputs = inputs(&args.batch, args.plan.seed, &graph)?;
    let mut checked = match &args.weights {
        Some(path) => Checked {
            report: of_file(&graph, &inputs, path)?,
            predicted: Vec::new(),
            planned: None,
            remedy: None,
        },
        None => of_plan(args, &graph, &inputs, model.as_ref())?,
    };
    if let Some(model) = model.as_ref().filter(|_| !checked.report.verdict.passes) {
        checked.remedy = remedy(&model.model, &graph, &inputs, args.plan.seed);
    }
    if let Some(path) = &args.html {
        check_page::write(path, args, &graph, samples(&inputs), &checked)?;
    }
    match output.is_json() {
        true => output.json(&checked)?,
        false => {
            print(&checked.report, &checked.predicted, args.plan.full, output)?;
            if let Some(remedy) = &checked.remedy {
                print_remedy(remedy, name, output)?;
            }
        }
    }
    Ok(checked.report.verdict.passes)
}

/// The samples of a batch.
fn samples(inputs: &Inputs) -> usize {
    let first = inputs.first().and_then(|(_, datum)| datum.shape().first());
    first.copied().unwrap_or(1)
}

/// The computation of a file or a description.
pub(crate) fn graph<'a>(
    name: &str,
    model: Option<&'a Described>,
) -> Result<Cow<'a, Graph>, Failure> {
    let none = || Failure::NoGraph(name.to_owned());
    match model.ok_or_else(none)?.file.as_deref() {
        Some(file) => file.graph().map(Cow::Borrowed).ok_or_else(none),
        None => Ok(Cow::Owned(Spec::graph(name).map_err(|_| none())?)),
    }
}

pub(crate) type Inputs = Vec<(String, Datum<f32>)>;

/// The inputs: those of a file, or noise.
pub(crate) fn inputs(args: &BatchArgs, seed: u64, graph: &Graph) -> Result<Inputs, Failure> {
    let Some(path) = &args.data else {
        let batch = Batch {
            samples: args.samples as usize,
            sizes: args.size.iter().cloned().collect(),
            seed,
            ..Batch::default()
        };
        return Ok(batch.inputs(graph)?);
    };
    let file = open(path)?;
    let problem = |problem: String| Failure::Data {
        path: path.clone(),
        problem,
    };
    let wanted: Vec<&str> = graph.main().given().map(|input| &*input.name).collect();
    let mut inputs = Vec::new();
    for name in &wanted {
        let place = match (
            file.tensors().index_of(name),
            &*wanted,
            file.tensors().len(),
        ) {
            (Some(place), _, _) => Some(place),
            // One array for one input needs no name.
            (None, [_], 1) => Some(0),
            _ => None,
        };
        let place = place.ok_or_else(|| problem(format!("it has no array {name:?}")))?;
        let mut datum =
            read(&*file, place)?.ok_or_else(|| problem(format!("{name:?} is no data")))?;
        datum.truncate(args.samples as usize);
        if !datum.is_finite() {
            return Err(problem(format!("{name:?} has NaN or infinite values")));
        }
        inputs.push(((*name).to_owned(), datum));
    }
    Ok(inputs)
}

/// A tensor of a file.
fn read(file: &dyn Checkpoint, place: usize) -> Result<Option<Datum<f32>>, Failure> {
    let info = &file.tensors()[place];
    let mut bytes = vec![0; info.bytes() as usize];
    file.read(place, 0, &mut bytes)?;
    Ok(Datum::decode(info.dtype(), info.shape(), &bytes))
}

/// The weights of a file, whatever its names are called in the graph.
fn of_file(graph: &Graph, inputs: &Inputs, path: &Path) -> Result<Report, Failure> {
    let file = open(path)?;
    let mut weights: HashMap<String, Datum<f32>> = HashMap::new();
    for (place, info) in file.tensors().iter().enumerate() {
        weights.extend(read(&*file, place)?.map(|datum| (info.name().to_owned(), datum)));
    }
    let weight = |_: u64, tensor: &Initializer| weights.get(tensor.tensor.as_ref()?).cloned();
    Ok(check(graph, inputs, &[0], weight)?)
}

/// The weights of a plan, for several seeds.
fn of_plan(
    args: &CheckArgs,
    graph: &Graph,
    inputs: &Inputs,
    model: Option<&Described>,
) -> Result<Checked, Failure> {
    let mut planned = planned(&args.plan, model)?;
    let seeds: Vec<u64> = match &args.plan.plan {
        // A saved plan has the seed that it was made with.
        Some(_) => vec![planned.plan.seed],
        None => (0..args.seeds)
            .map(|i| args.plan.seed.wrapping_add(i))
            .collect(),
    };
    let mut measurements = Vec::new();
    // The weights of one seed at a time are in memory.
    for &seed in &seeds {
        planned.plan = planned.plan.with_seed(seed);
        let mut made: HashMap<&str, Datum<f32>> = HashMap::new();
        for tensor in graph.bodies().iter().flat_map(|body| &body.initializers) {
            if let Some(name) = &tensor.tensor {
                made.extend(weight(&planned, name)?.map(|datum| (&**name, datum)));
            }
        }
        let weight = |tensor: &Initializer| made.get(&**tensor.tensor.as_ref()?).cloned();
        let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        measurements.push(measure(graph, inputs, weight, seed)?);
    }
    Ok(Checked {
        report: measurements.into(),
        predicted: planned.plan.stacks.clone(),
        planned: Some((planned.plan, seeds)),
        remedy: None,
    })
}

/// A tensor of the plan.
fn weight(planned: &Planned<'_>, name: &str) -> Result<Option<Datum<f32>>, MemoryError> {
    let Some(line) = planned.plan.line(name) else {
        return Ok(None);
    };
    Ok(Datum::decode(
        line.dtype,
        &line.shape,
        &planned.tensor(name)?,
    ))
}
