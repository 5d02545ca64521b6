//! Remarks of a file's reader.

use semilla_checkpoint::{Checkpoint, sentences};

use crate::failure::Failure;
use crate::show::output::Output;

/// Prints what a file has that its tensors do not show, a line each after the file's name.
pub(crate) fn print_remarks(
    name: &str,
    file: &dyn Checkpoint,
    output: &mut Output,
) -> Result<(), Failure> {
    sentences(file.remarks())
        .into_iter()
        .try_for_each(|remark| output.line(format_args!("{name}: {remark}")))
}
