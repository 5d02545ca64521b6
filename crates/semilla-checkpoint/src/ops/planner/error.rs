//! Errors of planning with files.

use semilla::{PlanError, TieError, TransferError};

use crate::Error;
use crate::ops::{DescribeError, LabelsError};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanningError {
    /// The recipe, an initializer or a tie does not fit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Tensors that cannot be tied.
    #[error(transparent)]
    Tie(#[from] TieError),
    /// A checkpoint cannot be given to the model by its rules.
    #[error("cannot take weights from {path}{}", of_which(unreadable))]
    Transfer {
        /// The checkpoint.
        path: String,
        /// The names of its tensors that cannot be read, or nothing.
        unreadable: String,
        /// The reason.
        #[source]
        error: Box<TransferError>,
    },
    /// A checkpoint cannot be described.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// A label file cannot be used.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// Rules for checkpoints in the recipe and beside it.
    #[error(
        "the recipe has [[pretrained]] tables of its own: --from can name the file of one that \
         names none, and no other transfer option goes with it"
    )]
    TwoTransfers,
    /// A table of the recipe names no file.
    #[error(
        "a [[pretrained]] table of the recipe names no file: add from = \"...\" to it, or give \
         --from"
    )]
    NoSource,
}

fn of_which(unreadable: &str) -> String {
    match unreadable {
        "" => String::new(),
        names => format!(" (of which {names} cannot be read)"),
    }
}
