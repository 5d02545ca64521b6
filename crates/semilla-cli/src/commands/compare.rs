//! `semilla compare`: which start is better for a model and its data, and whether that is evidence.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use semilla_checkpoint::{check_target, write_atomically};
use semilla_lab::{
    Comparison, DataSpec, Engine, Follow, Local, Owner, Problem, Protocol, Record, Schedule, Seeds,
    Settings, Start, Store, Trial, Workers, compare, protocol,
};

use crate::args::compare::{CompareArgs, EngineName};
use crate::failure::Failure;
use crate::show::compare::print;
use crate::show::output::Output;
use crate::show::progress::Trainings;
use crate::show::runs::table;

/// Compares, writes what is asked for, shows the rest.
pub(crate) fn run(
    args: &CompareArgs,
    output: &mut Output,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    check_targets(args)?;
    let trial = trial(args);
    trial.check()?;
    let problem = Problem::of(&trial)?;
    let starts = starts(args, &problem, &trial)?;
    let protocol = asked(args, &problem, &trial, &starts);
    let store = match &args.store {
        Some(path) => Store::open(path, &Owner::of(&problem, &trial))
            .map_err(semilla_lab::CompareError::from)?,
        None => Store::in_memory(),
    };
    let bar = Trainings::new();
    let follow = Follow {
        happens: &|event| bar.happens(event),
        stop,
        threads: args
            .threads
            .map_or_else(rayon::current_num_threads, usize::from),
    };
    let found = compare(&problem, &starts, &protocol, &store, &*engine(args), follow)?;
    drop(bar);
    // What cannot be written is still shown.
    let written = write(args, &found);
    match output.is_json() {
        true => output.json(&found)?,
        false => {
            print(&found, output)?;
            let mut remarks = problem.remarks().iter();
            remarks.try_for_each(|remark| output.line(format_args!("data: {remark}")))?;
            for path in &written.paths {
                output.line(format_args!("wrote {}", path.display()))?;
            }
        }
    }
    if let Some(error) = written.error {
        return Err(error.into());
    }
    match stop.load(Ordering::Relaxed) {
        true => Err(Failure::Interrupted {
            resumes: args.store.is_some(),
        }),
        false => Ok(()),
    }
}

/// The network that is trained if none is named: deep enough that bad weights show.
const NETWORK: &str = "mlp:64-48-48-48-48-48-5:relu";

/// What all trainings have in common.
fn trial(args: &CompareArgs) -> Trial {
    let (data, training) = (&args.data, &args.training);
    let mut spec = DataSpec {
        source: data.data.clone(),
        labels: data.labels.clone(),
        tokenizer: data.tokenizer.clone(),
        classes: data.classes.clone(),
        training: data
            .samples
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
    };
    if args.is_bare() {
        spec.classes = (5..10).collect();
        spec.training = Some(50);
    }
    Trial {
        model: args.model.clone().unwrap_or_else(|| NETWORK.to_owned()),
        recipe: "auto".to_owned(),
        data: spec,
        loss: training.loss,
        optimizer: training.optimizer,
        rate: training.optimizer.usual_lr(),
        schedule: Schedule {
            warmup: training.warmup,
            decay: training.decay.into(),
        },
        batch: training.batch as usize,
        steps: training.steps,
        weight_decay: training.weight_decay,
        seeds: Seeds::default(),
        trunk: None,
        record: Record::default(),
    }
}

/// The starts that are named, or the classical ones and what suits the model.
fn starts(args: &CompareArgs, problem: &Problem, trial: &Trial) -> Result<Vec<Start>, Failure> {
    let mut starts = match &args.recipes {
        Some(names) => {
            let starts = names.0.iter().map(|name| Start::named(name));
            starts.collect::<Result<Vec<Start>, _>>()?
        }
        None => {
            let mut starts = Start::classics();
            starts.push(Start::recommended(problem)?);
            starts
        }
    };
    let trunk: Vec<u32> = match args.is_bare() {
        true => (0..5).collect(),
        false => args.data.trunk.clone(),
    };
    if !trunk.is_empty() {
        let steps = args.data.trunk_steps.unwrap_or(trial.steps);
        let pretrained = Start::pretrained(problem, trial, &trunk, steps);
        starts.push(pretrained.ok_or(Failure::NoHead)?);
    }
    Ok(starts)
}

fn asked(args: &CompareArgs, problem: &Problem, trial: &Trial, starts: &[Start]) -> Protocol {
    let asked = &args.protocol;
    // Zeros against themselves would show nothing.
    let he = starts.iter().position(|start| start.name == "He");
    let settings = Settings {
        seed: asked.seed,
        tuning: asked.tuning_seeds as usize,
        finals: asked.seeds as usize,
        rates: asked.rates,
        difference: asked.difference,
        reference: he.unwrap_or(0),
        prunes: asked.prune,
        budget: asked.budget,
    };
    protocol(problem, trial.clone(), &settings)
}

fn engine(args: &CompareArgs) -> Box<dyn Engine> {
    match args.engine {
        EngineName::Local => Box::new(Local),
        EngineName::Ray => Box::new(Workers::ray()),
    }
}

/// Checks, before hours of training, that reports can be written where they are asked for.
fn check_targets(args: &CompareArgs) -> Result<(), Failure> {
    let targets: Vec<&PathBuf> = args.output.iter().chain(&args.csv).collect();
    for path in &targets {
        check_target(path)?;
    }
    let all: Vec<&PathBuf> = targets.into_iter().chain(&args.store).collect();
    let place = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let is_twice = |&at: &usize| (0..at).any(|other| place(all[other]) == place(all[at]));
    match (0..all.len()).find(is_twice) {
        Some(at) => Err(Failure::SameTarget(all[at].clone())),
        None => Ok(()),
    }
}

/// The reports that were written, and why others were not.
struct Written<'a> {
    paths: Vec<&'a Path>,
    error: Option<semilla_checkpoint::Error>,
}

fn write<'a>(args: &'a CompareArgs, found: &Comparison) -> Written<'a> {
    let page = |path: &'a PathBuf| (&**path, semilla_page::compare::page(found));
    let rows = |path: &'a PathBuf| (&**path, table(found));
    let reports = args
        .output
        .iter()
        .map(page)
        .chain(args.csv.iter().map(rows));
    let mut written = Written {
        paths: Vec::new(),
        error: None,
    };
    for (path, text) in reports {
        match write_atomically(path, text.as_bytes()) {
            Ok(()) => written.paths.push(path),
            Err(error) => written.error = written.error.or(Some(error)),
        }
    }
    written
}

impl CompareArgs {
    /// Whether nothing is said of what is trained on what.
    fn is_bare(&self) -> bool {
        let data = &self.data;
        let is_whole = data.classes.is_empty() && data.samples.is_none() && data.trunk.is_empty();
        self.model.is_none() && self.recipes.is_none() && data.data == "digits" && is_whole
    }
}
