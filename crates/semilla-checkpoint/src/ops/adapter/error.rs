use semilla::DType;
use semilla::lora::{LoraError, TargetError};

use crate::ops::OntoInput;
use crate::{Error, InvalidTensor, Malformed, Quoted};

/// Why an adapter could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The base is a one-line description.
    #[error("a one-line description has no weights to adapt; give a file of weights")]
    NoFile,
    /// No adapter has this rank or scale.
    #[error(transparent)]
    Rank(#[from] LoraError),
    /// The matrices cannot be chosen.
    #[error(transparent)]
    Targets(#[from] TargetError),
    /// A matrix has no such factors.
    #[error("cannot adapt {tensor}")]
    Factors {
        /// The matrix.
        tensor: Quoted,
        /// Why not.
        source: LoraError,
    },
    /// The tensor's type does not hold the residual.
    #[error(
        "the residual of {tensor} reaches {value:e}, which {dtype} does not hold; \
         convert the base to a wider type first"
    )]
    Residual {
        /// The matrix.
        tensor: Quoted,
        /// The residual's largest magnitude.
        value: f64,
        /// The tensor's type.
        dtype: DType,
    },
    /// A file of the base would be written over.
    #[error(transparent)]
    Onto(#[from] OntoInput),
    /// The names or shapes of the factors are such as no file can hold.
    #[error("the adapter does not make a file")]
    Tensors(#[from] Malformed),
    /// The base cannot be read, a file cannot be written, or the work was stopped.
    #[error(transparent)]
    Checkpoint(#[from] Error),
}

impl From<InvalidTensor> for AdapterError {
    fn from(invalid: InvalidTensor) -> Self {
        Malformed::from(invalid).into()
    }
}
