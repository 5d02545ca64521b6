//! Why an adapter cannot be merged.

use std::path::PathBuf;

use crate::ops::{OntoInput, TextError};
use crate::{Error, Quoted};

/// Why an adapter was not merged into a base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The folder has no configuration, or it cannot be read.
    #[error("cannot read the adapter's configuration")]
    Text(#[from] TextError),
    /// The configuration asks for what is not merged.
    #[error("cannot merge the adapter of {}: {problem}", path.display())]
    Config {
        /// The configuration.
        path: PathBuf,
        /// What it asks for, and what to do.
        problem: String,
    },
    /// The folder has no weights.
    #[error("{} has no adapter_model.safetensors and no adapter_model.bin", .0.display())]
    NoWeights(PathBuf),
    /// A tensor of the adapter fits nothing of the base.
    #[error("cannot merge {tensor} of the adapter: {problem}")]
    Tensor {
        /// The adapter's tensor.
        tensor: Quoted,
        /// Why not, and what to do.
        problem: String,
    },
    /// A file of the base or the adapter would be written over.
    #[error(transparent)]
    Onto(#[from] OntoInput),
    /// A file cannot be read or written, or the work was stopped.
    #[error(transparent)]
    Checkpoint(#[from] Error),
}
