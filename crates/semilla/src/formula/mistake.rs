//! Mistakes in what is read.

use std::fmt;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    problem: String,
    line: usize,
}

impl Mistake {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            line: 0,
        }
    }

    /// The mistake in words.
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    pub(crate) fn at(self, line: usize) -> Self {
        Self { line, ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}
