//! Findings about a file that its tensors do not show.

use std::fmt;

use crate::Quoted;

/// Something about a file that a reader noticed and that its tensors do not show.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// A pickle names something that is not among what weights are made of. It was not run.
    PickleGlobal {
        /// The Python module.
        module: Quoted,
        /// The name in it.
        name: Quoted,
    },
    /// Values that are not weights of the model were left out.
    LeftOut {
        /// How many.
        count: usize,
        /// Their kind, such as "optimizer weights".
        what: &'static str,
    },
    /// Tensors were looked for below a key that wraps them, such as `state_dict`.
    Unwrapped(Quoted),
    /// The rows of a Llama's query and key matrices are in GGUF's order of rotary pairs:
    /// neighbouring rows turn together, where PyTorch's turn with the row half a head further. They
    /// were left in that order.
    RotaryOrder {
        /// How many tensors.
        tensors: usize,
    },
}

impl Remark {
    /// Whether this speaks of an attack rather than of a habit.
    pub fn is_suspicious(&self) -> bool {
        matches!(self, Remark::PickleGlobal { .. })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::PickleGlobal { module, name } => write!(
                f,
                "the pickle names {name} of {module}, which no weights need; it was not run"
            ),
            Remark::LeftOut { count, what } => write!(f, "{count} {what} left out"),
            Remark::Unwrapped(key) => write!(f, "the weights lie below {key}"),
            Remark::RotaryOrder { tensors } => write!(
                f,
                "the rows of {tensors} query and key tensors are in GGUF's rotary order, \
                 not in PyTorch's"
            ),
        }
    }
}
