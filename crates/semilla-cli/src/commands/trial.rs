//! `semilla trial`: trainings described by JSON, and what comes of them.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use semilla_lab::{Outcome, Problem, Trial, Watch, train};

use crate::args::trial::TrialArgs;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::trial::print;

/// Runs trials one problem after the other, those of a problem side by side.
pub(crate) fn run(args: &TrialArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let trials = Trial::all_from_json(&text(&args.trials)?)?;
    let mut rest = &trials[..];
    while let Some(first) = rest.first() {
        let problem = Problem::of(first)?;
        let count = rest
            .iter()
            .take_while(|trial| problem.is_of(trial))
            .count()
            .max(1);
        let (own, others) = rest.split_at(count);
        rest = others;
        let watch = Watch {
            stop,
            threads: args
                .threads
                .map_or_else(rayon::current_num_threads, usize::from),
            ..Watch::default()
        };
        let outcomes = train(&problem, own, watch)?;
        for (trial, outcome) in own.iter().zip(outcomes) {
            show(trial, outcome, output)?;
        }
    }
    match stop.load(Ordering::Relaxed) {
        true => Err(Failure::Interrupted { resumes: false }),
        false => Ok(()),
    }
}

fn show(trial: &Trial, outcome: Option<Outcome>, output: &mut Output) -> Result<(), Failure> {
    match outcome {
        None => Ok(()),
        Some(outcome) if output.is_json() => output.line(format_args!("{}", outcome.to_json())),
        Some(outcome) => print(trial, &outcome, output),
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(path).map(|read| text = read),
    };
    let failed = |error| Failure::Trials {
        path: path.to_owned(),
        error,
    };
    read.map(|()| text).map_err(failed)
}
