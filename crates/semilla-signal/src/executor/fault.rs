//! Why a graph does not run.

use semilla::graph::OrderError;

/// A node that does not run, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{node}: {problem}")]
pub struct Fault {
    /// The operator and the node's name, or the part of the model that is meant.
    pub node: String,
    /// The reason.
    pub problem: Problem,
}

/// Why a node does not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Its operator is not known.
    #[error("this operator is not known, so nothing can be said of what follows it")]
    UnknownOperator,
    /// The operator is known, one of its ways to work is not.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// An input that it needs is left out.
    #[error("its input {0} is missing")]
    MissingInput(usize),
    /// An input is of the wrong kind.
    #[error("its input {input} should be {expected}")]
    Kind {
        /// The position of the input.
        input: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// Shapes that do not go together.
    #[error("{what}: the shapes are {}", shapes(.found))]
    Shapes {
        /// What should hold of them.
        what: &'static str,
        /// The shapes of the inputs.
        found: Vec<Vec<usize>>,
    },
    /// An attribute, or an input that stands for one, that makes no sense.
    #[error("its {name} makes no sense: {value}")]
    Attribute {
        /// The name.
        name: &'static str,
        /// The value, in words.
        value: String,
    },
    /// An input of the model that was not given.
    #[error("the input was not given")]
    NotGiven,
    /// A weight whose values were not given.
    #[error("the values of this weight were not given")]
    NoValues,
    /// More elements than are kept.
    #[error("its output would have {0} elements; use fewer samples or a smaller size")]
    TooLarge(usize),
    /// A loop that does not end.
    #[error("the loop runs more than {0} times")]
    Endless(usize),
    /// Nothing to measure.
    #[error(
        "no layer takes the data through numbers, so there is nothing to judge; whole numbers must \
         be looked up in a table, not compared"
    )]
    NoLayers,
    /// Nodes that cannot be put in order.
    #[error(transparent)]
    Order(#[from] OrderError),
}

fn shapes(found: &[Vec<usize>]) -> String {
    let texts: Vec<String> = found.iter().map(|shape| format!("{shape:?}")).collect();
    texts.join(", ")
}
