//! What a checkpoint gives to one tensor.

use super::Load;
use crate::fill::Fill;

/// What a checkpoint gives to a tensor: loads, alone or in blocks, or what a new layer needs to change nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Made of [`Fill::Load`].
    pub fill: Fill,
    /// What was adapted, and what stays true of the layer; empty for a copy.
    pub note: String,
}

impl Given {
    /// Whether nothing of a tensor of this shape is left to an initializer.
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

    /// The same from the plan's checkpoint of this place.
    pub fn of_source(mut self, source: usize) -> Self {
        set_source(&mut self.fill, source);
        self
    }

    /// The name of the first tensor that it takes from.
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
