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
    /// A value that may be a weight cannot be read, and was left out.
    Unreadable {
        /// The name that its tensor would have.
        name: String,
        /// Why it cannot be read.
        problem: String,
    },
    /// Weights that are stored in parts were put together.
    Decoded {
        /// How many.
        count: usize,
        /// How, such as "dequantized from FP8 by blocks of 128".
        how: String,
    },
    /// A weight is stored in parts that cannot be put together.
    InParts {
        /// The part that is decoded.
        name: String,
        /// Why not.
        problem: String,
    },
    /// Of several steps of a training in one folder the latest was taken.
    Latest {
        /// The name of its file or folder.
        step: String,
        /// How many steps there are.
        count: usize,
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
    /// The name of the tensor that cannot be read, if this is about one.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        match self {
            Remark::Unreadable { name, .. } => Some(name),
            _ => None,
        }
    }

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
            Remark::Unreadable { name, problem } => {
                write!(f, "left out {}: {problem}", Quoted::new(name))
            }
            Remark::Decoded { count: 1, how } => write!(f, "1 weight: {how}"),
            Remark::Decoded { count, how } => write!(f, "{count} weights: {how}"),
            Remark::InParts { name, problem } => write!(
                f,
                "{} is a part of a weight that cannot be put together: {problem}",
                Quoted::new(name)
            ),
            Remark::Latest { step, count } => write!(
                f,
                "{count} steps of a training are here, and the latest, {}, is read; \
                 give the path of another to read that",
                Quoted::new(step)
            ),
            Remark::Unwrapped(key) => write!(f, "the weights lie below {key}"),
            Remark::RotaryOrder { tensors } => write!(
                f,
                "the rows of {tensors} query and key tensors are in GGUF's rotary order, \
                 not in PyTorch's"
            ),
        }
    }
}

/// The remarks as sentences, with one for all that cannot be read for the same reason.
pub fn sentences(remarks: &[Remark]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut unreadable: Vec<(&str, Vec<String>)> = Vec::new();
    for remark in remarks {
        let Remark::Unreadable { name, problem } = remark else {
            sentences.push(remark.to_string());
            continue;
        };
        let name = Quoted::new(name).to_string();
        match unreadable.iter_mut().find(|(known, _)| known == problem) {
            Some((_, names)) => names.push(name),
            None => unreadable.push((problem, vec![name])),
        }
    }
    let lists = unreadable.into_iter();
    sentences
        .extend(lists.map(|(problem, names)| format!("left out {}: {problem}", names.join(", "))));
    sentences
}
