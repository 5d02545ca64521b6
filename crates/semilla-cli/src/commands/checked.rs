//! What a check gives.

use semilla::lint::Finding;
use semilla::{Plan, Stack};
use semilla_signal::{Report, Spectra};
use serde::Serialize;

/// What was measured, and what theory expects of plain stacks.
#[derive(Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) report: Report,
    pub(super) predicted: Vec<Stack>,
    /// The likely mistakes of the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lint: Vec<Finding>,
    /// Singular values of the first seed, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spectra: Option<Spectra>,
    /// The plan of the weights, if they do not come from a file, and its seeds.
    #[serde(skip)]
    pub(super) planned: Option<(Plan, Vec<u64>)>,
}
