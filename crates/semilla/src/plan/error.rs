//! Errors of making and of checking a plan.

use crate::expression::ExpressionError;
use crate::fill::FillError;
use crate::init::InitError;
use crate::recipe::RecipeError;
use crate::tie::TieError;

/// Why there is no plan, or why a plan cannot be carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The recipe does not decide every tensor.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A demand of the recipe's scheme has a number that is not finite.
    #[error("the recipe asks: {words}; this has no number")]
    Ask {
        /// The demand.
        words: String,
        /// Why not.
        #[source]
        error: ExpressionError,
    },
    /// Tensors that cannot be tied.
    #[error(transparent)]
    Tie(#[from] TieError),
    /// Initializers that do not fit their tensors: all of them, by name.
    #[error("{}", list(.0))]
    Tensors(Vec<(String, InitError)>),
    /// The recipe takes weights from checkpoints, and none were opened for it.
    #[error(
        "recipe {0:?} has [[pretrained]] tables: its checkpoints must be opened first; plan it \
         with `semilla_checkpoint::ops::Planner` or remove the tables"
    )]
    NeedsCheckpoints(String),
    /// A checkpoint's values for a tensor that the model does not have.
    #[error("checkpoints give values for {0:?}, which the model does not have; align them again")]
    Foreign(String),
    /// A tensor that is asked for by name and not there.
    #[error("there is no tensor {name:?}{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// A name that may have been meant.
        hint: String,
    },
    /// A saved plan of a different version.
    #[error("the plan's {what} is version {found}, this Semilla reads {known}; plan again")]
    Version {
        /// The format or the stream.
        what: &'static str,
        /// The plan's version.
        found: u32,
        /// The version that is read.
        known: u32,
    },
    /// A line that cannot be carried out.
    #[error("the plan's line for {name:?} cannot be carried out")]
    Line {
        /// The tensor.
        name: String,
        /// The reason.
        #[source]
        error: FillError,
    },
    /// A line that contradicts itself or the rest of the plan.
    #[error("the plan's line for {name:?} contradicts itself: {problem}; plan again")]
    Contradiction {
        /// The tensor.
        name: String,
        /// The contradiction.
        problem: String,
    },
    /// A fill that has no scale was to be scaled.
    #[error("the values of {name:?} cannot be scaled; choose a random initializer for it")]
    Scale {
        /// The tensor.
        name: String,
    },
    /// A line that loads from a checkpoint that is not listed.
    #[error("the plan's line for {0:?} loads from a source that the plan does not list")]
    Source(String),
    /// Two lines for one name.
    #[error("the plan has two lines for {0:?}; keep one")]
    Duplicate(String),
}

fn list(errors: &[(String, InitError)]) -> String {
    const SHOWN: usize = 10;
    let mut text: Vec<String> = errors
        .iter()
        .take(SHOWN)
        .map(|(name, error)| format!("{name}: {error}"))
        .collect();
    if errors.len() > SHOWN {
        text.push(format!("and {} more tensors", errors.len() - SHOWN));
    }
    text.join("\n")
}
