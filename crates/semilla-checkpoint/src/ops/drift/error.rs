//! Why weights cannot be compared with their start.

use std::path::PathBuf;

use crate::ops::inputs::OntoInput;
use crate::{Error, Malformed};

/// Why weights cannot be compared with their start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// A file cannot be read or written, a tensor of the plan cannot be made, or the work was
    /// stopped.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// The plan and the file have no tensor in common.
    #[error(
        "the trained file has none of the plan's {planned} tensors, such as {example:?}; give the \
         model that it was trained from"
    )]
    NothingInCommon {
        /// How many tensors the plan has.
        planned: usize,
        /// The name of one.
        example: String,
    },
    /// The start that the difference is added to has a tensor of another shape.
    #[error(
        "{name:?} is {found:?} in the file that the difference is added to, but {expected:?} in \
         the trained one"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the trained file.
        expected: Vec<usize>,
        /// Its shape in the other start.
        found: Vec<usize>,
    },
    /// An output would take the place of an input.
    #[error(transparent)]
    OntoInput(#[from] OntoInput),
    /// Both outputs would be one file.
    #[error("{} would be written twice; give --difference and --output different files", .0.display())]
    Twice(PathBuf),
    /// Names or shapes that no file can hold.
    #[error("the difference does not make a file")]
    Tensors(#[from] Malformed),
}
