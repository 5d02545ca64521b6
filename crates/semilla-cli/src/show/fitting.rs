//! What was fitted, and what it cost.

use semilla::plan::Change;
use semilla_signal::Fitting;

use crate::failure::Failure;
use crate::show::output::Output;

/// Says what was fitted on which data, and the runs of the network that it took.
pub(crate) fn print(fitting: &Fitting, is_noise: bool, output: &mut Output) -> Result<(), Failure> {
    let left = |change: &Change| *change == Change::Left;
    let changed = fitting
        .found
        .iter()
        .filter(|found| !left(&found.change))
        .count();
    let passes = match (fitting.forward, fitting.backward) {
        (0, 0) => "no run of the network".to_owned(),
        (forward, 0) => format!("{forward} forward passes"),
        (forward, backward) => format!("{forward} forward and {backward} backward passes"),
    };
    output.line(format_args!(
        "fitted: {changed} tensors on {} samples{}: {passes}",
        fitting.samples,
        if is_noise { " of noise" } else { "" }
    ))?;
    for found in fitting.found.iter().filter(|found| left(&found.change)) {
        output.line(format_args!("note: {}: {}", found.name, found.reason))?;
    }
    Ok(())
}
