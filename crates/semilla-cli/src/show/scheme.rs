//! What a plan's scheme asks beyond weights, and what its model does not meet.

use semilla::Plan;
use semilla::scheme::{Ask, Unmet};

use crate::failure::Failure;
use crate::show::figures::number;
use crate::show::names::shortened;
use crate::show::output::Output;

/// A sentence for each demand, then for each condition that is not met.
pub(crate) fn print(plan: &Plan, output: &mut Output) -> Result<(), Failure> {
    let name = &plan.recipe;
    for demand in &plan.scheme.asks {
        output.line(format_args!("{name} asks: {}", ask(demand)))?;
    }
    for missing in &plan.scheme.unmet {
        output.line(format_args!(
            "{name}, condition not met: {}",
            unmet(missing)
        ))?;
    }
    Ok(())
}

fn ask(ask: &Ask) -> String {
    let Ask {
        value,
        layers,
        words,
        ..
    } = ask;
    match (value, layers) {
        (Some(value), Some(layers)) => format!("{words}: {} for {layers} layers", number(*value)),
        (Some(value), None) => format!("{words}: {}", number(*value)),
        (None, _) => words.clone(),
    }
}

fn unmet(unmet: &Unmet) -> String {
    match &unmet.tensors[..] {
        [] => unmet.words.clone(),
        some => format!("{}: {}", unmet.words, shortened(some)),
    }
}
