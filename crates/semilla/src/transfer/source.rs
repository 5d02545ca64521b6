//! A checkpoint as a plan records it.

use serde::{Deserialize, Serialize};

use super::{Prefixes, Unused};

/// A checkpoint of a plan, and what of it is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSource {
    /// Where it lies.
    pub path: String,
    /// The SHA-256 of its file, or of its files' hashes in order, where it was asked for: a replay then checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What its names were stripped of, and got instead.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// What its reader noticed that its tensors do not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// How many tensors it has: each is loaded by a line, or is in [`unused`](Self::unused).
    pub tensors: usize,
    /// Its tensors that no line loads, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<(String, Unused)>,
}
