//! Trials trained by another process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::engine::Engine;
use super::error::CompareError;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::train::Watch;
use crate::trial::Trial;

/// A process that takes a trial in each line of its input, and answers outcomes in lines, in any
/// order: `semilla trial - --json` is one, the driver of a cluster another.
pub struct Workers {
    name: &'static str,
    program: String,
    arguments: Vec<String>,
}

/// The driver for Ray, as it is in the repository.
const RAY: &str = include_str!("../../python/ray_engine.py");

impl Workers {
    /// A program with its arguments; `name` is what errors call it.
    pub fn new(name: &'static str, program: String, arguments: Vec<String>) -> Self {
        Self {
            name,
            program,
            arguments,
        }
    }

    /// The tasks of a Ray cluster, through Python with the package `ray`: the cluster that
    /// `RAY_ADDRESS` names, or one that is started on this machine. `SEMILLA_PYTHON` names the
    /// interpreter (otherwise `python3`), `SEMILLA` the command as the cluster's machines have it
    /// (otherwise this one).
    pub fn ray() -> Self {
        let python = std::env::var("SEMILLA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let own = || Some(std::env::current_exe().ok()?.display().to_string());
        let semilla = std::env::var("SEMILLA").ok().or_else(own);
        let semilla = semilla.unwrap_or_else(|| "semilla".to_owned());
        Self::new(
            "ray",
            python,
            vec!["-c".to_owned(), RAY.to_owned(), semilla],
        )
    }

    fn failed(&self, problem: impl ToString) -> CompareError {
        CompareError::Engine {
            engine: self.name,
            problem: problem.to_string(),
        }
    }

    fn start(&self) -> Result<Child, CompareError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = command.spawn();
        started.map_err(|error| self.failed(format!("cannot start {}: {error}", self.program)))
    }
}

impl Engine for Workers {
    fn train(&self, _: &Problem, trials: &[Trial], watch: Watch<'_>) -> Result<(), CompareError> {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, trial) in trials.iter().enumerate() {
            places.entry(trial.id()).or_default().push(place);
        }
        let mut child = self.start()?;
        let (send, lines) = channel();
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let error = child.stderr.take();
        let found = std::thread::scope(|scope| {
            scope.spawn(move || give(input, trials));
            scope.spawn(move || {
                let lines = output
                    .into_iter()
                    .flat_map(|output| BufReader::new(output).lines());
                lines
                    .map_while(Result::ok)
                    .all(|line| send.send(line).is_ok())
            });
            let said = scope.spawn(move || {
                let mut said = String::new();
                error.map(|mut error| error.read_to_string(&mut said));
                said
            });
            loop {
                match lines.recv_timeout(Duration::from_millis(100)) {
                    Ok(line) => {
                        let outcome = Outcome::from_json(&line);
                        let outcome = outcome.map_err(|error| self.failed(error));
                        if let Err(error) = outcome.map(|outcome| {
                            // A trial that was run twice counts once.
                            for place in places.remove(&outcome.trial).unwrap_or_default() {
                                (watch.progress)(trials[place].steps);
                                (watch.finished)(place, &outcome);
                            }
                        }) {
                            let _ = child.kill();
                            return Err(error);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) if watch.stop.load(Ordering::Relaxed) => {
                        let _ = child.kill();
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            let said = said.join().unwrap_or_default();
            Ok(said.trim().lines().last().unwrap_or_default().to_owned())
        });
        let status = child.wait().map_err(|error| self.failed(error))?;
        let said = found?;
        match (status.success(), places.is_empty()) {
            _ if watch.stop.load(Ordering::Relaxed) => Ok(()),
            (true, true) => Ok(()),
            (true, false) => Err(self.failed(format!("{} trials have no outcome", places.len()))),
            (false, _) => Err(self.failed(said)),
        }
    }
}

/// Gives all trials; one that ends early has its reasons, which its exit tells.
fn give(input: Option<ChildStdin>, trials: &[Trial]) {
    if let Some(mut input) = input {
        let _ = trials
            .iter()
            .try_for_each(|trial| writeln!(input, "{}", trial.to_json()));
    }
}
