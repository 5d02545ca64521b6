//! What a check gives.

use semilla::{Plan, Stack};
use semilla_signal::{Remedy, Report};
use serde::Serialize;

/// What was measured, and what theory expects of plain stacks.
#[derive(Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) report: Report,
    pub(super) predicted: Vec<Stack>,
    /// The plan of the weights, if they do not come from a file, and its seeds.
    #[serde(skip)]
    pub(super) planned: Option<(Plan, Vec<u64>)>,
    /// What to do, where it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<Remedy>,
}
