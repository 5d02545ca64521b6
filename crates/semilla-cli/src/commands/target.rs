//! Where a file may be written.

use std::path::{Path, PathBuf};

use semilla_checkpoint::ops::{Described, Inputs};

use crate::failure::Failure;

/// Refuses, before anything is run, a file that cannot be written or would take the place of one
/// that is read: one of these, or of the model's.
pub(crate) fn check_target(
    target: &Path,
    read: impl IntoIterator<Item = PathBuf>,
    model: &Described,
) -> Result<(), Failure> {
    let inputs = Inputs::new().files(read);
    let inputs = model
        .file
        .as_deref()
        .into_iter()
        .fold(inputs, Inputs::checkpoint);
    inputs.check(target)?;
    Ok(semilla_checkpoint::check_target(target)?)
}
