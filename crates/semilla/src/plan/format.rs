//! The plan as plain data.

use serde::{Deserialize, Serialize};

use super::{Disposition, Line, Stack};
use crate::fill::Fill;
use crate::scheme::Scheme;
use crate::transfer::PlanSource;

/// The values that every tensor of a model gets, and why.
///
/// A plan is plain data: it can be printed, saved as JSON, edited, compared, and replayed to the
/// same bytes. A replay uses each line's `fill` and `key` alone; to change an initializer or the
/// seed, use [`Plan::set`] and [`Plan::with_seed`], which renew both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format; [`Plan::FORMAT`].
    pub format: u32,
    /// The version of the stream; [`stream::VERSION`](crate::stream::VERSION).
    pub stream: u32,
    /// The recipe that decided.
    pub recipe: String,
    /// The seed of every key.
    pub seed: u64,
    /// One line per tensor, in the model's order.
    pub tensors: Vec<Line>,
    /// What the scheme asks beyond weights.
    #[serde(default, skip_serializing_if = "Scheme::is_empty")]
    pub scheme: Scheme,
    /// Plain stacks of layers, and what happens to signals in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// The checkpoints that lines load from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<PlanSource>,
    /// The SHA-256 of the model's own file, if lines keep values of it and the hash was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl Plan {
    /// The version of the JSON form.
    pub const FORMAT: u32 = 1;

    /// The line of a tensor.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.tensors.iter().find(|line| line.name == name)
    }

    /// The line whose values a line has: its own, or the one that it is tied to.
    pub fn origin<'a>(&'a self, line: &'a Line) -> &'a Line {
        let Disposition::Tied { to } = &line.disposition else {
            return line;
        };
        let found = self.tensors.iter().find(|line| line.name == *to);
        found.unwrap_or(line)
    }

    /// Whether some tensor keeps the values of the model's file.
    pub fn keeps(&self) -> bool {
        self.tensors.iter().any(|line| line.fill == Fill::Keep)
    }
}
