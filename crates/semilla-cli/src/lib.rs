//! The `semilla` command: arguments, operation, show.
//!
//! It is a library so that the Python package can be the command, too.

mod args;
mod commands;
mod failure;
mod serve;
mod show;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser};

pub use commands::live::{LiveCheck, LivePlan, LiveTheory};

use args::cli::{Cli, Command};
use commands::{
    check, compare, diff, drift, init, inspect, lab, lint, lora, networks, plan, recipes,
    recommend, trial,
};
use failure::{Failure, with_causes};
use show::output::Output;

/// Runs the command with these arguments, of which the first is its name.
///
/// Exit codes: 0 done; 1 a check failed; 2 bad usage or input; 101 a bug.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(said) => {
            // Help that nobody can read any more is not an error.
            let _ = said.print();
            return u8::try_from(said.exit_code()).unwrap_or(2);
        }
    };
    let result = std::panic::catch_unwind(|| carry_out(cli)).unwrap_or(Ok(101));
    match result {
        Ok(code) => code,
        // A reader that has seen enough is not an error.
        Err(Failure::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(failure) => {
            anstream::eprintln!("{RED}error:{RED:#} {}", with_causes(&failure));
            2
        }
    }
}

/// A plan as the command shows it, for a place of this many columns.
pub fn table(plan: &semilla::Plan, width: Option<usize>) -> String {
    let shown = Output::text(width, |output| {
        show::plan::print(plan, false, output)?;
        show::transfer::print(plan, output)
    });
    // A text takes whatever is written to it.
    shown.unwrap_or_default()
}

/// A recommendation as the command shows it, for a place of this many columns.
pub fn recommendation(found: &semilla_signal::Recommendation, width: Option<usize>) -> String {
    let shown = Output::text(width, |output| show::recommend::print(found, None, output));
    shown.unwrap_or_default()
}

const RED: anstyle::Style = anstyle::Style::new()
    .bold()
    .fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Red)));

fn carry_out(cli: Cli) -> Result<u8, Failure> {
    match cli.command {
        Command::Init { args, form } => {
            init::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Plan { args, form } => plan::run(&args, &mut Output::new(form.json))?,
        Command::Check { args, form } => {
            if !check::run(&args, &mut Output::new(form.json))? {
                return Ok(1);
            }
        }
        Command::Recommend { args, form } => recommend::run(&args, &mut Output::new(form.json))?,
        Command::Lint { args, form } => {
            if !lint::run(&args, &mut Output::new(form.json))? {
                return Ok(1);
            }
        }
        Command::Compare { args, form } => {
            compare::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Trial { args, form } => {
            trial::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Inspect { args, form } => inspect::run(&args, &mut Output::new(form.json))?,
        Command::Diff { args, form } => {
            if !diff::run(&args, &mut Output::new(form.json))? {
                return Ok(1);
            }
        }
        Command::Drift { args, form } => {
            drift::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Lora { args, form } => {
            lora::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Recipes { args, form } => recipes::run(&args, &mut Output::new(form.json))?,
        Command::Networks { args, form } => networks::run(&args, &mut Output::new(form.json))?,
        Command::Lab { args } => lab::run(&args, &mut Output::new(false))?,
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "semilla",
                &mut std::io::stdout(),
            );
        }
    }
    Ok(0)
}

/// A flag that is set when the user interrupts, so that unfinished files are removed before exit.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    // Without a handler an interrupt still ends the command; it leaves a .partial file behind.
    let _ = ctrlc::set_handler(move || set.store(true, Ordering::Relaxed));
    flag
}
