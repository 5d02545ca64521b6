//! How a fill from a checkpoint came about.

use super::given::Given;
use crate::fill::Fill;

/// The operations that made a fill, and a note on what they keep true.
#[derive(Default)]
pub(super) struct Provenance {
    pub(super) by: Vec<String>,
    pub(super) note: String,
}

impl Provenance {
    /// Of one operation.
    pub(super) fn of(by: &str, note: &str) -> Self {
        Self::default().after(by, note)
    }

    /// With an operation and its note put first, each operation listed once.
    pub(super) fn after(mut self, by: &str, note: &str) -> Self {
        if !self.by.iter().any(|own| own == by) {
            self.by.insert(0, by.to_owned());
        }
        self.note = match self.note.is_empty() {
            true => note.to_owned(),
            false => format!("{note}; {}", self.note),
        };
        self
    }

    pub(super) fn given(self, fill: Fill) -> Given {
        let Self { by, note } = self;
        Given { fill, by, note }
    }
}
