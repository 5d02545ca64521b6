use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use semilla::Graph;
use semilla::graph::Initializer;
use semilla_checkpoint::ops::{Described, GraphError};
use semilla_checkpoint::{Checkpoint, open};
use semilla_data::Data;
use semilla_signal::theory::WeightMoments;
use semilla_signal::{Datum, FirstStep, Loss, Network, Parameter, Stepper, first_step, remedy};

use crate::args::check::CheckArgs;
use crate::commands::check_page;
use crate::commands::checked::{Checked, Source};
use crate::commands::data::data;
use crate::commands::expected::Expected;
use crate::commands::lint::findings;
use crate::commands::mup;
use crate::commands::network::{fitted, network};
use crate::commands::planned::{described, planned};
use crate::commands::recorded::recorded;
use crate::failure::Failure;
use crate::show::check::print;
use crate::show::coordinates;
use crate::show::output::Output;
use crate::show::progress::Waiting;
use crate::show::remedy::print_remedy;

/// `semilla check`: what the first weights do to signals; whether they pass.
pub(crate) fn run(args: &CheckArgs, output: &mut Output) -> Result<bool, Failure> {
    if args.training.mup {
        let found = mup::check(args)?;
        match output.is_json() {
            true => output.json(&found)?,
            false => coordinates::print(&found, output)?,
        }
        return Ok(found.passes);
    }
    if args.recorded {
        let path = args.plan.model.model.as_deref().unwrap_or_default();
        return shown(&recorded(Path::new(path))?, args, output);
    }
    let model = described(&args.plan)?;
    check_page::check_target(args, model.as_ref())?;
    let graph = graph(model.as_ref())?;
    let data = data(&args.plan.data, args.plan.seed, &graph)?;
    let inputs = data.inputs.clone();
    let mut checked = match &args.weights {
        Some(path) => of_file(args, &graph, data, path)?,
        None => of_plan(args, &graph, data, model.as_ref())?,
    };
    if let Some(model) = model.as_ref().filter(|_| !checked.report.verdict.passes) {
        checked.remedy = remedy(&model.model, &graph, &inputs, args.plan.seed);
    }
    if let Some(path) = &args.html {
        check_page::write(path, args, &graph, &checked)?;
    }
    shown(&checked, args, output)
}

/// Prints what was found; whether it passes.
fn shown(checked: &Checked, args: &CheckArgs, output: &mut Output) -> Result<bool, Failure> {
    match output.is_json() {
        true => output.json(checked)?,
        false => {
            print(checked, args.plan.full, output)?;
            if let Some(remedy) = &checked.remedy {
                let name = args.plan.model.model.as_deref().unwrap_or_default();
                print_remedy(remedy, name, output)?;
            }
        }
    }
    Ok(checked.report.verdict.passes)
}

/// What the model computes.
pub(crate) fn graph(model: Option<&Described>) -> Result<Cow<'_, Graph>, Failure> {
    Ok(model.ok_or(GraphError::None)?.graph()?)
}

/// A tensor of a file.
fn read(file: &dyn Checkpoint, place: usize) -> Result<Option<Datum<f32>>, Failure> {
    let info = &file.tensors()[place];
    let mut bytes = vec![0; info.bytes() as usize];
    file.read(place, 0, &mut bytes)?;
    Ok(Datum::decode(info.dtype(), info.shape(), &bytes))
}

/// The weights of a file, whatever its names are called in the graph.
fn of_file(args: &CheckArgs, graph: &Graph, data: Data, path: &Path) -> Result<Checked, Failure> {
    let file = open(path)?;
    let mut weights: HashMap<String, Datum<f32>> = HashMap::new();
    for (place, info) in file.tensors().iter().enumerate() {
        weights.extend(read(&*file, place)?.map(|datum| (info.name().to_owned(), datum)));
    }
    let weight = |name: &str| Ok::<_, Failure>(weights.get(name).cloned().map(Parameter::from));
    let mut network = Network::new(graph, data.inputs.clone(), weight)?;
    let measurements = vec![network.measure(0)?];
    let moments = |tensor: &Initializer| match weights.get(tensor.tensor.as_ref()?)? {
        Datum::Float(array) => Some(WeightMoments::of_values(array.data())),
        Datum::Whole(_) => None,
    };
    let spectra = args.spectra.then(|| network.spectra(0));
    Ok(Checked {
        spectra: spectra.transpose()?,
        lint: Vec::new(),
        expected: Expected::new(graph, moments, &data, &measurements),
        first_step: first(args, &mut network, &data, 0)?,
        report: measurements.into(),
        planned: None,
        remedy: None,
        fitting: None,
        data: Source::of(&args.plan.data, data),
    })
}

/// The weights of a plan, for several seeds.
fn of_plan(
    args: &CheckArgs,
    graph: &Graph,
    data: Data,
    model: Option<&Described>,
) -> Result<Checked, Failure> {
    let mut planned = planned(&args.plan, model)?;
    let plan = planned.plan.clone();
    let seeds: Vec<u64> = match &args.plan.plan {
        // A saved plan has the seed that it was made with.
        Some(_) => vec![plan.seed],
        None => (0..args.seeds)
            .map(|i| args.plan.seed.wrapping_add(i))
            .collect(),
    };
    let mut measurements = Vec::new();
    let (mut fitting, mut first_step, mut spectra) = (None, None, None);
    // The weights of one seed at a time are in memory.
    let waiting = Waiting::new();
    for (place, &seed) in seeds.iter().enumerate() {
        waiting.say(format!(
            "measuring network {} of {}",
            place + 1,
            seeds.len()
        ));
        planned.plan = plan.clone().with_seed(seed);
        let found = match model {
            Some(model) => fitted(&mut planned, &model.model, graph, &data)?,
            None => None,
        };
        let mut network = network(&planned, graph, &data, args.training.method().0)?;
        measurements.push(network.measure(seed)?);
        if place == 0 {
            fitting = found;
            spectra = match args.spectra {
                true => Some(network.spectra(seed)?),
                false => None,
            };
            first_step = first(args, &mut network, &data, seed)?;
        }
    }
    Ok(Checked {
        expected: Expected::of_plan(graph, &planned, &data, &measurements),
        report: measurements.into(),
        lint: model
            .map(|model| findings(&planned, model))
            .unwrap_or_default(),
        spectra,
        planned: Some((planned.plan, seeds)),
        remedy: None,
        fitting,
        first_step,
        data: Source::of(&args.plan.data, data),
    })
}

/// The initial loss and the first step, where they are asked for or the data have labels. Labels
/// that do not fit are an error only where a loss was asked for.
fn first(
    args: &CheckArgs,
    network: &mut Network<'_>,
    data: &Data,
    seed: u64,
) -> Result<Option<FirstStep>, Failure> {
    let is_asked = args.training.is_asked();
    if !is_asked && data.labels.is_none() {
        return Ok(None);
    }
    let loss = args
        .training
        .loss
        .unwrap_or(Loss::usual(network, data.labels.as_ref()));
    let (optimizer, lr) = args.training.method();
    let stepper = Stepper::new(optimizer, lr);
    match first_step(network, loss, data.labels.as_ref(), stepper, seed) {
        Ok(step) => Ok(Some(step)),
        Err(_) if !is_asked => Ok(None),
        Err(error) => Err(error.into()),
    }
}
