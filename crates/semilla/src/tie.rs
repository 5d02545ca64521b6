//! Tied tensors: two names, one content.

use serde::{Deserialize, Serialize};

use crate::model::Model;
use crate::suggest::did_you_mean;

/// A tensor that is to have the bytes of another, such as a language model's head and its table of
/// tokens.
///
/// In a recipe, at the top: `tie = [["lm_head.weight", "model.embed_tokens.weight"]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct Tie {
    /// The name of the one that follows.
    pub name: String,
    /// The name of the one that it is tied to.
    pub to: String,
}

impl From<(String, String)> for Tie {
    fn from((name, to): (String, String)) -> Self {
        Self { name, to }
    }
}

impl From<Tie> for (String, String) {
    fn from(tie: Tie) -> Self {
        (tie.name, tie.to)
    }
}

/// Why two tensors cannot be tied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TieError {
    /// A name that the model does not have.
    #[error("cannot tie {name:?}: the model has no such tensor{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// A suggestion, if a known name is similar; otherwise empty.
        hint: String,
    },
    /// A tensor tied twice, to itself, or to one that is tied itself.
    #[error("cannot tie {:?} to {:?}: {why}", .tie.name, .tie.to)]
    Circle {
        /// The tie.
        tie: Tie,
        /// Which other tie it meets, and what to write.
        why: String,
    },
    /// Tensors that cannot have the same bytes.
    #[error("cannot tie {:?} to {:?}: {why}", .tie.name, .tie.to)]
    Unlike {
        /// The tie.
        tie: Tie,
        /// How they differ, and what to do.
        why: String,
    },
    /// Tensors to which checkpoints give different values.
    #[error(
        "{:?} is tied to {:?}, but the checkpoints give them different values: {:?} and {:?} differ; \
         exclude one of them (--exclude), or do not tie them",
        .tie.name, .tie.to, .tensors.0, .tensors.1
    )]
    Different {
        /// The tie.
        tie: Tie,
        /// The checkpoints' tensors.
        tensors: (String, String),
    },
    /// A checkpoint gives the tied tensor, and not the one that it is tied to.
    #[error(
        "{:?} is tied to {:?}, but the checkpoints give {tensor:?} for the first and nothing for the \
         second; tie {:?} to {:?} instead, or exclude {tensor:?}",
        .tie.name, .tie.to, .tie.to, .tie.name
    )]
    ToNew {
        /// The tie.
        tie: Tie,
        /// The checkpoint's tensor.
        tensor: String,
    },
}

/// Checks that both tensors of each tie exist and agree in shape and type, and that no tie points
/// to a tied tensor.
///
/// # Errors
/// The first tie that is wrong.
pub fn check_ties(ties: &[Tie], model: &Model) -> Result<(), TieError> {
    for (place, tie) in ties.iter().enumerate() {
        let find = |name: &str| {
            let found = model.tensors.iter().find(|tensor| tensor.name == name);
            found.ok_or_else(|| TieError::Unknown {
                name: name.to_owned(),
                hint: did_you_mean(name, model.tensors.iter().map(|t| t.name.as_str())),
            })
        };
        let (own, other) = (find(&tie.name)?, find(&tie.to)?);
        let circle = |why: String| TieError::Circle {
            tie: tie.clone(),
            why,
        };
        if tie.name == tie.to {
            return Err(circle("they are one tensor; remove the tie".into()));
        }
        if ties[..place].iter().any(|before| before.name == tie.name) {
            return Err(circle("it is tied already; keep one of the ties".into()));
        }
        if let Some(next) = ties.iter().find(|next| next.name == tie.to) {
            let why = format!("that one is tied to {:?}; tie both to one", next.to);
            return Err(circle(why));
        }
        if own.shape != other.shape || own.dtype != other.dtype {
            return Err(TieError::Unlike {
                tie: tie.clone(),
                why: format!(
                    "{:?} {} and {:?} {} cannot have the same bytes; remove the tie",
                    own.shape, own.dtype, other.shape, other.dtype
                ),
            });
        }
    }
    Ok(())
}
