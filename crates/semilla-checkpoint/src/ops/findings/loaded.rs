use std::collections::HashMap;

use semilla::{Line, Load, Plan};

use crate::ops::pieces::Place;
use crate::{Checkpoint, Health};

/// A tensor that was loaded.
pub(super) struct Loaded<'a> {
    pub(super) line: &'a Line,
    pub(super) load: &'a Load,
    pub(super) health: Health,
    pub(super) from: Place<'a>,
}

impl<'a> Loaded<'a> {
    /// The tensors whose health is known. `files` are the plan's checkpoints, in its order.
    pub(super) fn all(
        plan: &'a Plan,
        health: &[(String, Health)],
        files: &'a [Box<dyn Checkpoint>],
    ) -> Vec<Self> {
        let lines: HashMap<&str, &Line> = plan
            .tensors
            .iter()
            .map(|line| (line.name.as_str(), line))
            .collect();
        let loaded = |(name, health): &(String, Health)| {
            let line = *lines.get(name.as_str())?;
            let (_, load) = *line.loads().first()?;
            let file = &**files.get(load.source)?;
            Some(Loaded {
                line,
                load,
                health: *health,
                from: (file, file.tensors().index_of(&load.tensor)?),
            })
        };
        health.iter().filter_map(loaded).collect()
    }

    /// Whether the tensor is one of a checkpoint's, unchanged.
    pub(super) fn is_plain(&self) -> bool {
        self.line.load().is_some_and(Load::is_plain)
    }
}
