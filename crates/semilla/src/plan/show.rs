//! Plans as text.

use std::fmt;

use super::{Line, Plan};
use crate::fill::Fill;
use crate::model::Role;

impl fmt::Display for Plan {
    /// A line for each tensor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "recipe {}, seed {}", self.recipe, self.seed)?;
        self.tensors
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Line {
    /// The numbers of its fill: `N(0, 0.02)`; of a fused weight, each part's:
    /// `query, key N(0, 0.036) | value N(0, 0.018)`.
    pub fn values(&self) -> String {
        let Fill::Blocks {
            sections, turns, ..
        } = &self.fill
        else {
            return self.fill.to_string();
        };
        let parts = self.fused.iter().flat_map(|fused| &fused.parts);
        let roles: Vec<Role> = parts.map(|part| part.role).collect();
        if roles.len() != sections.len() {
            return self.fill.to_string();
        }
        // Neighbours of one law are said together.
        let mut said: Vec<(Vec<&str>, String)> = Vec::new();
        for (role, section) in roles.iter().zip(sections) {
            let values = section.fill.to_string();
            match said.last_mut() {
                Some((names, last)) if *last == values => names.push(role.name()),
                _ => said.push((vec![role.name()], values)),
            }
        }
        let said = said
            .iter()
            .map(|(names, values)| format!("{} {values}", names.join(", ").replace('_', " ")));
        let said = said.collect::<Vec<_>>().join(" | ");
        match turns {
            1 => said,
            turns => format!("{said}, in {turns} turns"),
        }
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
