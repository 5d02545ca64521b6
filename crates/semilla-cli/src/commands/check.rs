use std::path::Path;

use semilla::Graph;
use semilla_checkpoint::ops::{Described, GraphError};
use semilla_checkpoint::{open, whole};
use semilla_data::Data;
use semilla_signal::theory::Prediction;
use semilla_signal::{
    FirstStep, Loss, Network, Parameter, Stepper, candidates, first_step, remedy,
};

use crate::args::check::CheckArgs;
use crate::commands::check_page;
use crate::commands::checked::{Checked, Source};
use crate::commands::data::data;
use crate::commands::expected::Expected;
use crate::commands::lint::findings;
use crate::commands::mup;
use crate::commands::network::{fitted, network};
use crate::commands::planned::{described, planned};
use crate::commands::recommend::watching;
use crate::commands::recorded::recorded;
use crate::commands::seeds::seeds;
use crate::commands::target::check_target;
use crate::commands::tensor::tensor;
use crate::failure::Failure;
use crate::show::check::print;
use crate::show::coordinates;
use crate::show::output::Output;
use crate::show::progress::Steps;
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
    let model = model.as_ref().ok_or(GraphError::None)?;
    if let Some(page) = &args.html {
        let data = args.plan.data.path().map(Path::to_owned);
        let read = args.plan.files().chain(args.weights.clone()).chain(data);
        check_target(page, read, model)?;
    }
    let graph = model.graph()?;
    let data = data(&args.plan.data, args.plan.seed, &graph)?;
    let mut checked = match &args.weights {
        Some(path) => of_file(args, &graph, &data, path)?,
        None => of_plan(args, &graph, &data, model)?,
    };
    if !checked.report.verdict.passes {
        let seed = args.plan.seed;
        let candidates = candidates(&model.model);
        let watch = watching(candidates.len());
        checked.remedy = remedy(&model.model, &graph, &data.inputs, seed, &candidates, watch);
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

/// The weights of a file: of its tensors those that the graph names are read, each once.
fn of_file(args: &CheckArgs, graph: &Graph, data: &Data, path: &Path) -> Result<Checked, Failure> {
    let file = whole(open(path)?)?;
    let weight = |name: &str| {
        let Some(place) = file.tensors().index_of(name) else {
            return Ok(None);
        };
        Ok::<_, Failure>(tensor(&*file, place)?.map(Parameter::from))
    };
    let mut network = Network::new(graph, data.inputs.clone(), weight)?;
    let measurements = vec![network.measure(0)?];
    let expected = Expected::new(network.predict(), &measurements);
    let spectra = args.spectra.then(|| network.spectra(0)).transpose()?;
    Ok(Checked {
        spectra,
        first_step: first(args, &mut network, data, 0)?,
        ..Checked::new(
            measurements.into(),
            expected,
            Source::of(&args.plan.data, data),
        )
    })
}

/// The weights of a plan, for several seeds.
fn of_plan(
    args: &CheckArgs,
    graph: &Graph,
    data: &Data,
    model: &Described,
) -> Result<Checked, Failure> {
    let mut planned = planned(&args.plan, Some(model))?;
    let plan = planned.plan.clone();
    let seeds = match &args.plan.plan {
        // A saved plan has the seed that it was made with.
        Some(_) => vec![plan.seed],
        None => seeds(args.plan.seed, args.seeds),
    };
    let mut measurements = Vec::new();
    let (mut fitting, mut first_step, mut spectra) = (None, None, None);
    let mut prediction = Prediction::default();
    // The weights of one seed at a time are in memory.
    let progress = Steps::new(seeds.len());
    for (place, &seed) in seeds.iter().enumerate() {
        progress.say(place, format!("networks measured, now with seed {seed}"));
        planned.plan = plan.clone().with_seed(seed);
        let found = fitted(&mut planned, &model.model, graph, data)?;
        let mut network = network(&planned, graph, data, args.training.method().0)?;
        measurements.push(network.measure(seed)?);
        if place == 0 {
            fitting = found;
            prediction = network.predict();
            spectra = args.spectra.then(|| network.spectra(seed)).transpose()?;
            first_step = first(args, &mut network, data, seed)?;
        }
    }
    drop(progress);
    let expected = Expected::new(prediction, &measurements);
    Ok(Checked {
        lint: findings(&planned, model, Some(graph)),
        spectra,
        fitting,
        first_step,
        planned: Some((planned.plan, seeds)),
        ..Checked::new(
            measurements.into(),
            expected,
            Source::of(&args.plan.data, data),
        )
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
