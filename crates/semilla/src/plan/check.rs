//! Checks of a plan that was read from a file.

use std::collections::HashMap;

use super::{Disposition, Line, Plan, PlanError};
use crate::fill::{Fill, Load, Slice};
use crate::stream::{self, Key};

impl Plan {
    /// Checks a plan that was read from a file: its versions, its names, that every fill fits its
    /// tensor, and that no line contradicts the rest.
    ///
    /// # Errors
    /// The first line that cannot be carried out as it says.
    pub fn check(&self) -> Result<(), PlanError> {
        let versions = [
            ("format", self.format, Self::FORMAT),
            ("stream", self.stream, stream::VERSION),
        ];
        for (what, found, known) in versions {
            if found != known {
                return Err(PlanError::Version { what, found, known });
            }
        }
        let mut lines: HashMap<&str, &Line> = HashMap::with_capacity(self.tensors.len());
        for line in &self.tensors {
            if lines.insert(&line.name, line).is_some() {
                return Err(PlanError::Duplicate(line.name.clone()));
            }
        }
        self.tensors
            .iter()
            .try_for_each(|line| self.check_line(line, &lines))
    }

    fn check_line(&self, line: &Line, lines: &HashMap<&str, &Line>) -> Result<(), PlanError> {
        line.fill
            .check(&line.shape, line.dtype)
            .map_err(|error| PlanError::Line {
                name: line.name.clone(),
                error,
            })?;
        let listed = |(_, load): &(Slice, &Load)| load.source < self.sources.len();
        if !line.loads().iter().all(listed) {
            return Err(PlanError::Source(line.name.clone()));
        }
        match self.contradiction(line, lines) {
            None => Ok(()),
            Some(problem) => Err(PlanError::Contradiction {
                name: line.name.clone(),
                problem,
            }),
        }
    }

    fn contradiction(&self, line: &Line, lines: &HashMap<&str, &Line>) -> Option<String> {
        if line.name.is_empty() {
            return Some("it has no name".to_owned());
        }
        let loads = !line.loads().is_empty();
        match &line.disposition {
            Disposition::Tied { to } => match lines.get(to.as_str()) {
                None => Some(format!("it is tied to {to:?}, which has no line")),
                Some(other) if matches!(other.disposition, Disposition::Tied { .. }) => {
                    Some(format!("it is tied to {to:?}, which is tied itself"))
                }
                Some(other) if other.shape != line.shape || other.dtype != line.dtype => Some(
                    format!("it is tied to {to:?}, which has a different shape or type"),
                ),
                Some(other) if other.fill != line.fill => {
                    Some(format!("it is tied to {to:?}, but has a different fill"))
                }
                Some(other) if other.key != line.key => {
                    Some(format!("it is tied to {to:?}, but has a different key"))
                }
                Some(_) => None,
            },
            Disposition::Filled | Disposition::Excluded { .. } if loads => {
                Some("it loads from a checkpoint, and is said not to".to_owned())
            }
            Disposition::Kept if line.fill != Fill::Keep => {
                Some("it is said to keep the file's values, and has a different fill".to_owned())
            }
            Disposition::Copied | Disposition::Selected | Disposition::Grown if !loads => {
                Some("it is said to load from a checkpoint, and does not".to_owned())
            }
            _ if line.key != Key::new(self.seed, line.origin()) => {
                Some(format!("its key does not belong to seed {}", self.seed))
            }
            _ => None,
        }
    }
}
