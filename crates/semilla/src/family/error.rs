//! Errors of reading a model off its configuration.

use super::built_in::model_types;
use crate::formula::Problem;
use crate::suggest::did_you_mean;

/// Why a configuration does not describe a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is no configuration of a model.
    #[error("it has no `model_type`, so it is no configuration of a model of transformers")]
    NoType,
    /// A `model_type` that is not described.
    #[error(
        "model_type {model_type:?} is not described{}{}; the described ones are {}",
        did_you_mean(model_type, model_types().into_iter()),
        code(*.has_code),
        model_types().join(", ")
    )]
    UnknownType {
        /// The `model_type`.
        model_type: String,
        /// The configuration names code of its own (`auto_map`).
        has_code: bool,
    },
    /// A class that the family does not have.
    #[error(
        "architecture {name:?} is not described{}; of model_type {model_type:?} these are: {}",
        did_you_mean(name, known.iter().map(String::as_str)),
        known.join(", ")
    )]
    UnknownArchitecture {
        /// The class's name.
        name: String,
        /// The `model_type`.
        model_type: String,
        /// The classes that are described.
        known: Vec<String>,
    },
    /// No network computes what the family does.
    #[error(
        "what models of model_type {model_type:?} compute is not described; export the model to \
         ONNX and give that file"
    )]
    NoNetwork {
        /// The `model_type`.
        model_type: &'static str,
    },
    /// The family's network does something else than this model.
    #[error(
        "what this {model_type} computes is not described: {reason}; export the model to ONNX and \
         give that file"
    )]
    NotComputed {
        /// The `model_type`.
        model_type: &'static str,
        /// What is different.
        reason: String,
    },
    /// A field that is needed.
    #[error("the field {field:?} is missing; {place} needs it")]
    Missing {
        /// The field.
        field: String,
        /// The tensor or module that needs it.
        place: String,
    },
    /// A field whose value makes no sense.
    #[error("{place} cannot be described: {problem}")]
    Value {
        /// The tensor or module.
        place: String,
        /// The field, and what is wrong with it.
        problem: String,
    },
    /// More than any model has.
    #[error("{place}: {what} {count}, more than the limit of {limit}")]
    TooLarge {
        /// The tensor or module.
        place: String,
        /// The thing that is counted, in words.
        what: &'static str,
        /// How many there would be.
        count: f64,
        /// How many are allowed.
        limit: f64,
    },
}

impl ConfigError {
    /// A formula without a value, at a place.
    pub(super) fn at(place: &str, problem: Problem) -> Self {
        let place = place.to_owned();
        match problem {
            Problem::Missing(field) => ConfigError::Missing { field, place },
            Problem::Other(problem) => ConfigError::Value { place, problem },
        }
    }
}

fn code(has_code: bool) -> &'static str {
    match has_code {
        true => " (the model has code of its own, `auto_map`, which is never run)",
        false => "",
    }
}
