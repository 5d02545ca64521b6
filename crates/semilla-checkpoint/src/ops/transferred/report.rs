//! The part of a plan that comes from checkpoints.

use semilla::Plan;
use serde::Serialize;

use super::coverage::{Coverage, coverage};
use super::taken::{Taken, taken};

/// The part of a plan that comes from checkpoints, in numbers and names.
#[derive(Clone, Debug, Serialize)]
pub struct Transferred {
    /// Tensors of the model that come from a checkpoint, whole or in part.
    pub tensors: usize,
    /// All tensors of the model.
    pub of_tensors: usize,
    /// Elements that come from a checkpoint.
    pub elements: u64,
    /// All elements of the model.
    pub of_elements: u64,
    /// Tensors that are copied, at most converted: for freezing, or the lowest learning rate.
    pub loaded: Vec<String>,
    /// Tensors that are selected, combined, or partly new.
    pub adapted: Vec<String>,
    /// Tensors that are initialized: for the highest learning rate.
    pub new: Vec<String>,
    /// The same by the beginnings of names.
    pub prefixes: Vec<Coverage>,
}

impl Transferred {
    /// The report on a plan; `None` if it has no checkpoints.
    pub fn of(plan: &Plan) -> Option<Self> {
        if plan.sources.is_empty() {
            return None;
        }
        let mut report = Self {
            tensors: 0,
            of_tensors: plan.tensors.len(),
            elements: 0,
            of_elements: 0,
            loaded: Vec::new(),
            adapted: Vec::new(),
            new: Vec::new(),
            prefixes: coverage(plan),
        };
        for line in &plan.tensors {
            report.of_elements += line.elements();
            report.elements += line.loaded_elements();
            report.tensors += usize::from(!line.loads().is_empty());
            let list = match taken(plan, line) {
                Taken::Whole => &mut report.loaded,
                Taken::Adapted => &mut report.adapted,
                Taken::Nothing => &mut report.new,
            };
            list.push(line.name.clone());
        }
        Some(report)
    }
}
