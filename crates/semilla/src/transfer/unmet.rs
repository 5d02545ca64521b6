//! Targets that must load and do not.

use std::fmt;

use crate::dtype::DType;

/// How many targets an error lists.
pub(super) const SHOWN: usize = 10;

/// Why a target that must load does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmet {
    /// No source has its name.
    Missing {
        /// The target.
        target: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// A rule excludes its source.
    Excluded {
        /// The target.
        target: String,
        /// The rule.
        glob: String,
    },
    /// The source's shape is different.
    Shape {
        /// The target.
        target: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The source.
        source: String,
        /// The source's shape, in the target's order of axes.
        found: Vec<usize>,
    },
    /// The order of axes is not known for the source or for the target.
    Layout {
        /// The target.
        target: String,
        /// The source.
        source: String,
    },
    /// The checkpoint has it in parts, or encoded.
    Encoded {
        /// The target.
        target: String,
        /// The checkpoint's tensor.
        source: String,
        /// Of what that is a part, and what to do.
        what: String,
    },
    /// The model stores it in parts that the checkpoint does not have.
    Quantized {
        /// The target.
        target: String,
    },
    /// An operation cannot be carried out.
    Adapt {
        /// The target.
        target: String,
        /// Why.
        problem: String,
    },
    /// One of both holds floats, the other integers.
    Kind {
        /// The target.
        target: String,
        /// Its element type.
        dtype: DType,
        /// The source's.
        found: DType,
    },
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::Missing { target, hint } => write!(f, "{target}: not in the checkpoint{hint}"),
            Unmet::Excluded { target, glob } => write!(
                f,
                "{target}: the checkpoint has it, but exclude {glob:?} leaves it out"
            ),
            Unmet::Shape {
                target,
                shape,
                source,
                found,
            } => write!(
                f,
                "{target}: has shape {shape:?}, but {source} of the checkpoint has {found:?}"
            ),
            Unmet::Encoded {
                target,
                source,
                what,
            } => write!(f, "{target}: {source} of the checkpoint {what}"),
            Unmet::Quantized { target } => write!(
                f,
                "{target}: the model stores it in parts, such as quantized numbers and their \
                 scales, and the checkpoint has it whole; give the model as it is before that"
            ),
            Unmet::Adapt { target, problem } => write!(f, "{target}: {problem}"),
            Unmet::Layout { target, source } => write!(
                f,
                "{target}: the order of its axes or of those of {source} is not known; state how \
                 both files store weights (--layout, --from-layout)"
            ),
            Unmet::Kind {
                target,
                dtype,
                found,
            } => write!(
                f,
                "{target}: is {dtype}, but {found} in the checkpoint; floats and integers are not \
                 converted into each other"
            ),
        }
    }
}

/// The first targets, a line each, and what to do about them.
pub(super) fn list(unmet: &[Unmet]) -> String {
    let mut lines: Vec<String> = unmet.iter().take(SHOWN).map(Unmet::to_string).collect();
    if unmet.len() > SHOWN {
        lines.push(format!("and {} more tensors", unmet.len() - SHOWN));
    }
    lines.push(
        "let the recipe fill them (may_miss, --may-miss), make them fit (adapt, --adapt) or rename \
         their sources (rename, --rename)"
            .to_owned(),
    );
    lines.join("\n")
}
