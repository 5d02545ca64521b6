//! The fate of one tensor of a model: a checkpoint gives it, a rule leaves it out, or it is new.

use crate::fill::{Fill, Load};

/// The fate of a tensor by checkpoints and the rules for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fate {
    /// No checkpoint has it: an initializer fills it.
    #[default]
    New,
    /// A checkpoint gives it, whole or in part.
    Given(Given),
    /// A checkpoint has it, and a rule lets it be filled instead.
    Excluded {
        /// The rule, such as `exclude "head.*"`.
        rule: String,
    },
}

impl Fate {
    pub(super) fn excluded(rule: &str, pattern: &str) -> Self {
        let rule = format!("{rule} \"{pattern}\"");
        Fate::Excluded { rule }
    }

    /// The values that a checkpoint gives, if one does.
    pub fn given(&self) -> Option<&Given> {
        match self {
            Fate::Given(given) => Some(given),
            _ => None,
        }
    }

    /// The same from the plan's checkpoint of this place.
    pub fn of_source(self, source: usize) -> Self {
        match self {
            Fate::Given(given) => Fate::Given(given.of_source(source)),
            other => other,
        }
    }
}

/// A checkpoint's values for a tensor: loads, alone or in blocks, or those that a new layer needs
/// to change nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Made of [`Fill::Load`].
    pub fill: Fill,
    /// The operations that changed something, in order: those of [`Op`](super::Op), `fuse`, `split`
    /// and `depth`; none for a copy.
    pub by: Vec<String>,
    /// The adaptation, and what stays true of the layer; empty for a copy.
    pub note: String,
}

impl Given {
    /// All of one tensor, as it is.
    pub fn copy(tensor: impl Into<String>) -> Self {
        Self {
            fill: Fill::Load(Load::whole(0, tensor)),
            by: Vec::new(),
            note: String::new(),
        }
    }

    /// Whether it gives a whole tensor of this shape, so that an initializer fills no part.
    pub fn is_whole(&self, shape: &[usize]) -> bool {
        match &self.fill {
            Fill::Load(load) => load.covers(shape),
            _ => true,
        }
    }

    /// How many elements come from the checkpoint.
    pub fn elements(&self, shape: &[usize]) -> u64 {
        let loads = self.fill.loads(shape);
        loads
            .iter()
            .map(|(area, load)| load.elements(area.size()))
            .sum()
    }

    /// Whether anything is given: an overlap may be empty.
    pub(super) fn is_any(&self, shape: &[usize]) -> bool {
        !matches!(self.fill, Fill::Load(_)) || self.elements(shape) > 0 || shape.contains(&0)
    }

    fn of_source(mut self, source: usize) -> Self {
        set_source(&mut self.fill, source);
        self
    }

    /// The names of the tensors that it takes from.
    pub fn tensors(&self, shape: &[usize]) -> Vec<String> {
        let loads = self.fill.loads(shape);
        loads
            .iter()
            .map(|(_, load): &(_, &Load)| load.tensor.clone())
            .collect()
    }
}

fn set_source(fill: &mut Fill, source: usize) {
    match fill {
        Fill::Load(load) => load.source = source,
        Fill::Blocks { sections, .. } => {
            for section in sections {
                set_source(&mut section.fill, source);
            }
        }
        _ => {}
    }
}
