use std::path::Path;

use semilla::model::Convention;
use semilla_checkpoint::ops::{DescribeError, Described, describe_checkpoint};

use crate::failure::Failure;
use crate::model::Stored;

/// Opens and describes a file of weights. `layout` is what `--layout` says.
pub(crate) fn opened(path: &Path, layout: Option<Stored>) -> Result<Described, Failure> {
    let file = semilla_checkpoint::open(path)?;
    let described = describe_checkpoint(file, path, layout.map(Convention::from));
    described.map_err(|error| match error {
        DescribeError::Layout { path, names } => Failure::Layout {
            path,
            option: "--layout",
            names,
        },
        other => other.into(),
    })
}
