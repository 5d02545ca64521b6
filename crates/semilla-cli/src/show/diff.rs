//! The differences between two checkpoints.

use semilla_checkpoint::ops::Diff;

use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints a line for each difference.
pub(crate) fn print(report: &Diff, output: &mut Output) -> Result<(), Failure> {
    if !report.values_compared {
        output.line(format_args!(
            "one of the two lists shapes only: values were not compared"
        ))?;
    }
    if report.changes.is_empty() {
        return output.line(format_args!("the same: {} tensors", report.same));
    }
    let mut table = Table::new(["tensor", "change", "how"]);
    for change in &report.changes {
        table.row([
            change.name().to_owned(),
            change.kind().to_owned(),
            change.details(),
        ]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "{} differ, {} are the same",
        report.changes.len(),
        report.same
    ))
}
