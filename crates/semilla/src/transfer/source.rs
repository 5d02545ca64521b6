//! A checkpoint as a plan records it.

use serde::{Deserialize, Serialize};

use super::{Prefixes, Unused};

/// A checkpoint of a plan, and what of it is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSource {
    /// The path of its file or folder.
    pub path: String,
    /// The SHA-256 of its file, or of its files' hashes in order, if it was asked for: a replay
    /// then checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The prefix taken from its names, and the one put in its place.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// Whether weights that it stores in parts were put together, so that lines may load those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoded: bool,
    /// Observations of its reader that its tensors do not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// How many tensors it has: each is loaded by a line, or is in [`unused`](Self::unused).
    pub tensors: usize,
    /// Its tensors that no line loads, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<(String, Unused)>,
}
