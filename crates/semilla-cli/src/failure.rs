//! Everything that ends a command early: one sentence each, exit code 2.

use std::error::Error as StdError;
use std::path::PathBuf;

use semilla::PlanError;
use semilla::init::ParseInitializerError;
use semilla::model::MixedNames;
use semilla_checkpoint::Error;
use semilla_checkpoint::ops::{
    AdapterError, DescribeError, DriftError, GraphError, InspectError, MemoryError, MergeError,
    NotFinite, OntoInput, PlanningError, ReadRecipeError, ReplayError, WriteError,
};

use semilla_data::DataError;
use semilla_lab::{CompareError, LabError};
use semilla_signal::{BatchError, Fault, FitError, TrainError};

use crate::serve::ServeError;
use crate::show::names::shortened;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}: {names}; give {option} pytorch, keras or jax", path.display())]
    Layout {
        path: PathBuf,
        option: &'static str,
        names: MixedNames,
    },
    #[error("cannot start the threads: {0}; ask for fewer with --threads")]
    Threads(String),
    #[error("cannot print")]
    Print(#[from] std::io::Error),
    #[error(transparent)]
    Checkpoint(#[from] Error),
    #[error(transparent)]
    Describe(#[from] DescribeError),
    #[error(transparent)]
    Recipe(#[from] ReadRecipeError),
    #[error(transparent)]
    Initializer(#[from] ParseInitializerError),
    #[error(transparent)]
    Planning(#[from] PlanningError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Write(WriteError),
    #[error(transparent)]
    OntoInput(#[from] OntoInput),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    Drift(#[from] DriftError),
    #[error("{}: {problem}", path.display())]
    Recorded { path: PathBuf, problem: String },
    #[error("the model does not run")]
    Graph(#[from] GraphError),
    #[error("a saved plan alone does not say how its tensors are used; give the model too")]
    NoModel,
    #[error("the model does not run")]
    Run(#[from] Fault),
    #[error("no inputs can be made up; give --size AXIS=N, or their values with --data FILE")]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(
        "no rule of this recipe fits anything on data; leave out --data, or choose a recipe that \
         does, such as lsuv"
    )]
    NothingToFit,
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(
        "{0} has one width; --mup needs a description whose width can change, such as \
         mlp:64-64-64-10"
    )]
    OneWidth(String),
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(
        "the model has no output layer that is known as one, so no head can be new; leave out --trunk"
    )]
    NoHead,
    #[error("cannot read the trials of {}", path.display())]
    Trials {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
    #[error("two outputs would be written to {}; give each a file of its own", .0.display())]
    SameTarget(PathBuf),
    #[error("interrupted; {}", match resumes {
        true => "the same command goes on from the store",
        false => "with --store FILE the same command would go on from here",
    })]
    Interrupted { resumes: bool },
    #[error("the weights cannot be made")]
    Weights(#[from] MemoryError),
    #[error(
        "the checkpoint holds NaN or infinite values in {0}; nothing was written. Use a different \
         checkpoint, exclude them, or give --allow-non-finite"
    )]
    NonFinite(String),
    #[error(
        "{0} has finite values beyond the range of the type that they are written in; nothing was \
         written. Use a wider --dtype, or give --allow-non-finite"
    )]
    Overflow(String),
}

impl Failure {
    /// Weights that were not written, with the options that help.
    pub(crate) fn writing(error: WriteError) -> Self {
        match error {
            WriteError::NotFinite(NotFinite::InCheckpoint { tensors }) => {
                Failure::NonFinite(shortened(&tensors))
            }
            WriteError::NotFinite(NotFinite::Overflow { tensors }) => {
                Failure::Overflow(shortened(&tensors))
            }
            other => Failure::Write(other),
        }
    }
}

/// An error and its causes in one line. A cause that the text before it quotes is not repeated.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Cause {
        #[error("cannot open a file")]
        Plain(#[source] std::io::Error),
        #[error("no file: {0}")]
        Quoting(#[from] std::io::Error),
    }

    #[test]
    fn causes_follow_once() {
        let cause = || std::io::Error::other("it is not there");
        let plain = with_causes(&Cause::Plain(cause()));
        assert_eq!(plain, "cannot open a file: it is not there");
        let quoting = with_causes(&Cause::Quoting(cause()));
        assert_eq!(quoting, "no file: it is not there");
    }
}
