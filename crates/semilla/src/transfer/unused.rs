//! Why tensors of a checkpoint are not used.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a source tensor is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unused {
    /// No target has its name.
    NoTarget,
    /// A rule excludes it.
    Excluded {
        /// The rule.
        glob: String,
    },
    /// Its name does not begin with the prefix that is stripped.
    OtherPrefix {
        /// The prefix.
        prefix: String,
    },
    /// It does not fit its target, which may miss.
    Shape {
        /// The target's shape.
        target: Vec<usize>,
    },
    /// It is a part of a weight, or an encoding of one.
    Encoded {
        /// Which part, and what to do.
        what: String,
    },
    /// It is a stored part of a weight, which was put together.
    Part {
        /// The weight.
        of: String,
    },
    /// It is a weight of stored parts, which are offered themselves.
    InParts,
    /// It is of an optimizer's state, which is never a weight.
    Optimizer,
    /// Its target is not among those that this checkpoint is for.
    OutOfScope,
    /// An earlier checkpoint gives its target.
    GivenBefore,
    /// The map of layers leaves its layer out.
    OtherLayer,
    /// Its target is tied to a tensor, whose values it takes.
    Tied {
        /// That tensor.
        to: String,
    },
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unused::NoTarget => f.write_str("no target has this name"),
            Unused::Excluded { glob } => write!(f, "excluded by {glob:?}"),
            Unused::OtherPrefix { prefix } => write!(f, "does not begin with {prefix:?}"),
            Unused::Shape { target } => write!(f, "the target has shape {target:?}"),
            Unused::Encoded { what } => f.write_str(what),
            // The same for all, so that a list of them is one line.
            Unused::Part { .. } => f.write_str("stored parts of weights that were put together"),
            Unused::InParts => f.write_str("the model is stored in its parts"),
            Unused::Optimizer => f.write_str("the optimizer's state, which is never a weight"),
            Unused::OutOfScope => f.write_str("this checkpoint is not for the target (into)"),
            Unused::OtherLayer => f.write_str("the map of layers leaves its layer out"),
            Unused::Tied { to } => write!(f, "the target is tied to {to}"),
            Unused::GivenBefore => f.write_str("an earlier checkpoint gives the target"),
        }
    }
}
