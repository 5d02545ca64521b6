use std::path::Path;

use semilla::model::Convention;
use semilla_checkpoint::open;
use semilla_checkpoint::ops::{Described, describe_checkpoint};

use crate::args::model::Stored;
use crate::failure::Failure;

/// Opens and describes a file of weights. `layout` is what `--layout` says.
pub(crate) fn opened(path: &Path, layout: Option<Stored>) -> Result<Described, Failure> {
    let described = describe_checkpoint(open(path)?, path, layout.map(Convention::from));
    described.map_err(|error| Failure::describing(error, "--layout"))
}
