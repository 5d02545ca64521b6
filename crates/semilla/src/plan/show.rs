//! Plans as text.

use std::fmt;

use super::{Line, Plan, Stack};
use crate::fill::Fill;
use crate::model::Role;
use crate::number::{rough, rounded};
use crate::scheme::Scheme;

impl fmt::Display for Plan {
    /// A line for each tensor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "recipe {}, seed {}", self.recipe, self.seed)?;
        self.tensors
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))?;
        self.stacks
            .iter()
            .try_for_each(|stack| writeln!(f, "{stack}"))?;
        let Scheme { asks, unmet } = &self.scheme;
        asks.iter()
            .try_for_each(|ask| writeln!(f, "asks: {}", ask.words))?;
        unmet
            .iter()
            .try_for_each(|unmet| writeln!(f, "not met: {}", unmet.words))
    }
}

impl fmt::Display for Stack {
    /// Which layers, and what signals and gradients do in them, in numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.tensors.first(), self.tensors.last());
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(());
        };
        write!(
            f,
            "{first} to {last}, {} layers with only activations between: the variance of signals {}, \
             squared gradients {} on the way back (χ₁ {} per layer)",
            self.tensors.len(),
            change(self.variance, "s"),
            change(self.gradients, ""),
            rounded(self.chi1()),
        )
    }
}

/// What a factor does: `grow 3,600-fold`; one thing `grows`.
fn change(factor: f64, s: &str) -> String {
    /// Within a factor of this nothing is lost.
    const KEPT: f64 = 3.0;
    match factor {
        0.0 => format!("vanish{}", if s.is_empty() { "" } else { "es" }),
        _ if factor >= KEPT => format!("grow{s} {}-fold", rough(factor)),
        _ if factor <= 1.0 / KEPT => format!("shrink{s} {}-fold", rough(factor.recip())),
        _ => format!("stay{s} (× {})", rough(factor)),
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
