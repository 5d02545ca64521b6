//! Errors of reading and building a network.

/// Why a text describes no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// There is no built-in network of this name.
    #[error("{name:?} is not a network{hint}; there are {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The nearest name, in words.
        hint: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A line of the description cannot be read.
    #[error("line {line}: {problem}")]
    Text {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A layer cannot be made of what comes in.
    #[error("line {line}, {layer}: {problem}")]
    Layer {
        /// The line, from 1.
        line: usize,
        /// The layer: its name and kind.
        layer: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A parameter that the network does not have, or a value that it cannot have.
    #[error("{0}")]
    Parameter(String),
    /// More than any network has.
    #[error("{what}: more than {limit}")]
    TooLarge {
        /// The thing that is counted.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

impl NetworkError {
    pub(super) fn text(line: usize, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        NetworkError::Text { line, problem }
    }
}
