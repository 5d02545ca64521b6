use std::path::Path;

use semilla::model::Convention;
use semilla_checkpoint::ops::{DescribeError, Described, describe_checkpoint, own_model};
use semilla_checkpoint::{Checkpoint, open, whole};

use crate::args::model::Stored;
use crate::failure::Failure;

/// Opens and describes a file of weights, with all that it holds; weights in parts are put
/// together. `layout` is what `--layout` says.
pub(crate) fn opened(path: &Path, layout: Option<Stored>) -> Result<Described, Failure> {
    described(whole(open(path)?)?, path, layout)
}

/// Opens and describes the model in a file of weights.
pub(crate) fn opened_model(path: &Path, layout: Option<Stored>) -> Result<Described, Failure> {
    let own = own_model(whole(open(path)?)?, path).map_err(DescribeError::from)?;
    described(own, path, layout)
}

fn described(
    file: Box<dyn Checkpoint>,
    path: &Path,
    layout: Option<Stored>,
) -> Result<Described, Failure> {
    let described = describe_checkpoint(file, path, layout.map(Convention::from));
    described.map_err(|error| Failure::describing(error, "--layout"))
}
