//! Which tensors an operation is for.

use serde::{Deserialize, Deserializer, Serialize};

use super::op::Op;

/// An operation for the target tensors that a glob matches.
///
/// In a recipe `adapt = [{ match = "*.patch_embed.proj.weight", op = "patch" }]`. The operation is
/// a table, or the text that [`Op::from_str`](std::str::FromStr::from_str) reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapt {
    /// Matches the names of the targets.
    #[serde(rename = "match")]
    pub glob: String,
    /// The operation.
    #[serde(deserialize_with = "text_or_table")]
    pub op: Op,
}

fn text_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Op, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Table(Op),
    }
    match Form::deserialize(deserializer)? {
        Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Form::Table(op) => Ok(op),
    }
}
