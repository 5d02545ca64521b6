//! What to do about a network that will hardly train.

use semilla_signal::Remedy;

use crate::failure::Failure;
use crate::show::output::Output;

/// Prints the remedy, and the command that follows it.
pub(crate) fn print_remedy(
    remedy: &Remedy,
    model: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    output.line(format_args!("remedy: {}", remedy.sentence))?;
    if let Some(advice) = &remedy.advice {
        output.line(format_args!("note: {advice}"))?;
        return Ok(());
    }
    match &remedy.options {
        Some(options) => output.line(format_args!(
            "  semilla init {model} {options} -o weights.safetensors"
        )),
        None => output.line(format_args!("  semilla recommend {model} -o start.toml")),
    }
}
