//! Why a trial does not run.

use semilla::PlanError;
use semilla::network::NetworkError;
use semilla::recipe::RecipeError;
use semilla_checkpoint::ops::{
    DescribeError, GraphError, MemoryError, PlanningError, ReadRecipeError,
};
use semilla_data::DataError;
use semilla_signal::{Fault, FitError, TrainError};

/// Why a trial does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The text is no trial.
    #[error("this is no trial in JSON")]
    Json(#[source] serde_json::Error),
    /// A number is out of range.
    #[error("{name} must be {needs}")]
    Number {
        /// The field.
        name: &'static str,
        /// What it must be.
        needs: &'static str,
    },
    /// The name of data is not known, or its parameters are wrong.
    #[error("{data:?}: {problem}")]
    Source {
        /// The data, as they were named.
        data: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// The data cannot be taken.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The data are there and do not fit the training.
    #[error("the data {data:?} cannot be trained on: {problem}")]
    Unfit {
        /// The data, as they were named.
        data: String,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// The model cannot be described.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The text is no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The model does not run.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The model cannot be trained on the data.
    #[error("the model {model:?} cannot be trained: {problem}")]
    Model {
        /// The model, as it was named.
        model: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// There is no such recipe.
    #[error(transparent)]
    ReadRecipe(#[from] ReadRecipeError),
    /// The text is no recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The recipe does not fit the model.
    #[error("the recipe {recipe} does not fit the model")]
    Planning {
        /// The recipe's name.
        recipe: String,
        /// The reason.
        #[source]
        error: Box<PlanningError>,
    },
    /// What was found on the data does not fit the plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A weight cannot be made.
    #[error(transparent)]
    Weight(#[from] MemoryError),
    /// What the recipe fits on the data cannot be found.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The network does not run on the data.
    #[error(transparent)]
    Run(#[from] Fault),
    /// The loss does not fit the network or the data.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A trained weight that another training was to start from.
    #[error(
        "the trunk has no tensor {tensor:?} {shape:?}; list it under `fresh`, or change the trunk's model"
    )]
    Trunk {
        /// The tensor.
        tensor: String,
        /// Its shape in the trial's model.
        shape: Vec<usize>,
    },
    /// The trunk did not come to an end.
    #[error("the training of the trunk diverged at step {0}; lower its rate")]
    TrunkDiverged(u64),
    /// A trial of another model, other data or another loss than the problem's.
    #[error("the trial {0} is of another problem: model, data and loss must be the same")]
    OtherProblem(String),
}
