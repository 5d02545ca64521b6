//! What came of a training.

use semilla_lab::{End, Outcome, Trial};

use crate::failure::Failure;
use crate::show::figures::short;
use crate::show::output::Output;
use crate::show::sparkline::sparkline;

/// Prints how a training ended, its scores, and its loss as a line.
pub(crate) fn print(trial: &Trial, outcome: &Outcome, output: &mut Output) -> Result<(), Failure> {
    let what = format!("{} at rate {}", outcome.trial, short(trial.rate));
    match (outcome.end, outcome.test) {
        (End::Finished, Some(test)) => {
            let accuracy = test
                .accuracy
                .map(|part| format!(", accuracy {:.1} %", 100.0 * part));
            let accuracy = accuracy.unwrap_or_default();
            let loss = short(test.loss);
            output.line(format_args!("{what}: test loss {loss}{accuracy}"))?;
        }
        (End::Finished, None) => output.line(format_args!("{what}: finished"))?,
        (End::Diverged { step }, _) => {
            output.line(format_args!("{what}: diverged at step {step}"))?;
        }
    }
    if outcome.curve.is_empty() {
        return Ok(());
    }
    let line = sparkline(outcome.curve.iter().map(|point| Some(point.loss)));
    output.line(format_args!("training loss {line}"))
}
