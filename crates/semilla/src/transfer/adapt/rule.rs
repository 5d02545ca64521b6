//! Which tensors an operation is for.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
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

// Derived as an untagged enum, errors would not say what is wrong inside the table.
fn text_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Op, D::Error> {
    struct TextOrTable;
    impl<'de> Visitor<'de> for TextOrTable {
        type Value = Op;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an operation's name, or a table { name = { parameter = value } }")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Op, E> {
            text.parse().map_err(E::custom)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Op, A::Error> {
            Op::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(TextOrTable)
}
