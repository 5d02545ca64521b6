//! Why a network cannot be trained.

use crate::executor::Fault;

/// Why a network cannot be trained on a loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// It does not run.
    #[error("the model does not run")]
    Run(#[from] Fault),
    /// Its output is of the wrong shape for the loss.
    #[error("{loss} needs an output of {needs}, and this is {shape:?}")]
    Output {
        /// The loss.
        loss: &'static str,
        /// The shape in words.
        needs: &'static str,
        /// The output's shape.
        shape: Vec<usize>,
    },
    /// The labels do not fit the output.
    #[error("the labels do not fit the output {shape:?}: {problem}")]
    Labels {
        /// The output's shape.
        shape: Vec<usize>,
        /// What does not fit.
        problem: String,
    },
    /// The model takes no tokens.
    #[error("next-token needs an input of token ids [samples, length]; choose another --loss")]
    NoTokens,
    /// Networks of different widths have different layers.
    #[error("{0} is a layer at one width and not at another; nothing can be compared")]
    Layers(String),
}
