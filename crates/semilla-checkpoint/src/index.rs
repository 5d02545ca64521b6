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
    /// Sorted by shard, then by tensor.
    placements: Vec<Placement>,
}

/// One line of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The name of a file in the index's own folder.
    pub shard: String,
    /// The name of a tensor in it.
    pub tensor: String,
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
        let mut map = json::parse(json, limits, member)?;
        map.sort_unstable();
        if let Some(pair) = map.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::Duplicate(Quoted::new(&pair[0].0)));
        }
        if let Some((_, shard)) = map.iter().find(|(_, shard)| !is_plain(shard)) {
            return Err(Malformed::ShardName(Quoted::new(shard)));
        }
        let mut placements: Vec<_> = map
            .into_iter()
            .map(|(tensor, shard)| Placement { shard, tensor })
            .collect();
        placements.sort_unstable();
        Ok(Self { placements })
    }

    /// The lines of each shard, in the order of the shards' names; within one, of the tensors'.
    pub fn shards(&self) -> impl Iterator<Item = &[Placement]> {
        self.placements.chunk_by(|a, b| a.shard == b.shard)
    }
}

/// Whether the name stays in its folder on every system: one component, and no separator.
pub(crate) fn is_plain(name: &str) -> bool {
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
        let text = |line: &Placement| format!("{}:{}", line.shard, line.tensor);
        let shards: Vec<Vec<_>> = index
            .shards()
            .map(|lines| lines.iter().map(text).collect())
            .collect();
        assert_eq!(shards, [vec!["1:c"], vec!["2:a", "2:b"]]);
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
