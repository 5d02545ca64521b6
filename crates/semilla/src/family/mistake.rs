//! Mistakes in a family's file.

use std::fmt;

/// A line that cannot be read. Built-in files have none: a test reads them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    problem: String,
    line: usize,
}

impl Mistake {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            line: 0,
        }
    }

    pub(super) fn at(self, line: usize) -> Self {
        Self { line, ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}
