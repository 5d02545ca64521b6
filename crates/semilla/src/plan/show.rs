//! Plans as text.

use std::fmt;

use super::{Line, Plan};

impl fmt::Display for Plan {
    /// A line for each tensor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "recipe {}, seed {}", self.recipe, self.seed)?;
        self.tensors
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    /// Name, shape, type, where the values come from, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            shape,
            dtype,
            disposition,
            initializer,
            reason,
            ..
        } = self;
        write!(f, "{name} {shape:?} {dtype}: {disposition}")?;
        if self.loads().is_empty() {
            write!(f, " by {initializer}")?;
        }
        if let Some(std) = self.std.filter(|std| *std > 0.0) {
            write!(f, ", std {std:.4e}")?;
        }
        match reason.is_empty() {
            true => Ok(()),
            false => write!(f, " ({reason})"),
        }
    }
}
