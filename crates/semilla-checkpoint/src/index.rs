use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::Limits;
use crate::error::{Malformed, Quoted};
use crate::json::{self, Member};

/// The index of a model in shards: which file holds which tensor.
///
/// Its `metadata.total_size` is not read: the shards' own headers say more, and published files
/// count shared tensors in different ways.
#[derive(Debug, Clone)]
pub struct Index {
    /// The sorted names of each shard's tensors.
    shards: BTreeMap<String, Vec<String>>,
}

impl Index {
    /// Parses `{"weight_map": {"tensor.name": "file.safetensors", ...}, ...}`.
    ///
    /// # Errors
    /// Invalid JSON, a tensor placed twice, or a shard that is not a plain file name.
    pub fn parse(json: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let member = Member {
            name: "weight_map",
            limit: limits.tensors,
        };
        let mut placed = json::parse(json, limits, member)?;
        placed.sort_unstable();
        if let Some(pair) = placed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::Duplicate(Quoted::new(&pair[0].0)));
        }
        let mut shards = BTreeMap::<String, Vec<String>>::new();
        for (tensor, shard) in placed {
            if !is_plain(&shard) {
                return Err(Malformed::ShardName(Quoted::new(&shard)));
            }
            shards.entry(shard).or_default().push(tensor);
        }
        Ok(Self { shards })
    }

    /// The shards by name, each with the sorted names of its tensors.
    pub fn shards(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.shards
            .iter()
            .map(|(shard, names)| (shard.as_str(), names.as_slice()))
    }
}

/// Whether the name stays in its folder on every system: one component, and no separator.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let first = components.next();
    matches!(first, Some(Component::Normal(component)) if component == name)
        && components.next().is_none()
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Index, Malformed> {
        Index::parse(json.as_bytes(), &Limits::default())
    }

    #[test]
    fn tensors_are_grouped_by_shard() {
        let index = parse(
            r#"{"metadata":{"total_size":1.5e3,"x":[{}]},"weight_map":{"b":"2","c":"1","a":"2"}}"#,
        )
        .unwrap();
        let shards: Vec<_> = index
            .shards()
            .map(|(shard, names)| (shard, names.join(",")))
            .collect();
        assert_eq!(shards, [("1", "c".to_owned()), ("2", "a,b".to_owned())]);
    }

    #[test]
    fn shards_stay_in_their_folder() {
        for name in [
            "../a", "a/b", "/a", "..", ".", "", "a/", "./a", "a\\\\b", "a\\u0000",
        ] {
            let error = parse(&format!(r#"{{"weight_map":{{"t":"{name}"}}}}"#)).unwrap_err();
            assert!(matches!(error, Malformed::ShardName(_)), "{name}: {error}");
        }
    }

    #[test]
    fn ambiguous_or_incomplete_indexes() {
        assert_eq!(
            parse(r#"{"weight_map":{"a":"1","a":"1"}}"#).unwrap_err(),
            Malformed::Duplicate(Quoted::new("a"))
        );
        for json in [
            "{}",
            r#"{"weight_map":{},"weight_map":{}}"#,
            r#"{"weight_map":{"a":1}}"#,
            "[]",
        ] {
            assert!(matches!(parse(json), Err(Malformed::Json(_))), "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Index::parse(&bytes, &Limits::default());
        }
    }
}
