use std::path::{Component, Path};

use crate::Limits;
use crate::error::{Malformed, Quoted};
use crate::io::json::{self, Member};

/// The index of a model in shards: which file holds which tensor, or, in Keras, which files hold
/// variables of which group.
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
    /// The name of a tensor in it, or in Keras the path of a group of variables.
    pub tensor: String,
}

impl Index {
    /// Parses `{"weight_map": {"tensor.name": "file.safetensors", ...}, ...}`. Several files may stand in a list, as
    /// Keras writes it: `"/layers/dense/vars": ["model_00000.weights.h5", "model_00001.weights.h5"]`.
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
        let shards = map.iter().flat_map(|(_, shards)| shards);
        if let Some(shard) = shards.into_iter().find(|shard| !is_plain(shard)) {
            return Err(Malformed::ShardName(Quoted::new(shard)));
        }
        // Each line has the name anew: a long one with many shards would multiply.
        let names = map
            .iter()
            .map(|(name, shards)| name.len() as u64 * shards.len() as u64);
        let (bytes, limit) = (names.sum(), limits.header_bytes);
        if bytes > limit {
            return Err(Malformed::TooLong { bytes, limit });
        }
        let mut placements: Vec<_> = map
            .into_iter()
            .flat_map(|(tensor, shards)| {
                let line = move |shard| Placement {
                    shard,
                    tensor: tensor.clone(),
                };
                shards.into_iter().map(line)
            })
            .collect();
        placements.sort_unstable();
        if let Some(pair) = placements.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Malformed::Duplicate(Quoted::new(&pair[0].shard)));
        }
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
    fn a_group_may_lie_in_several_shards() {
        let index = parse(r#"{"weight_map":{"/b":["2","1"],"/a":"1"}}"#).unwrap();
        let lines: Vec<_> = index
            .shards()
            .flatten()
            .map(|line| (&*line.shard, &*line.tensor))
            .collect();
        assert_eq!(lines, [("1", "/a"), ("1", "/b"), ("2", "/b")]);
    }

    #[test]
    fn shards_stay_in_their_folder() {
        for name in [
            "../a", "a/b", "/a", "..", ".", "", "a/", "./a", "a\\\\b", "a\\u0000",
        ] {
            for map in [
                format!(r#"{{"t":"{name}"}}"#),
                format!(r#"{{"t":["a","{name}"]}}"#),
            ] {
                let error = parse(&format!(r#"{{"weight_map":{map}}}"#)).unwrap_err();
                assert!(matches!(error, Malformed::ShardName(_)), "{name}: {error}");
            }
        }
    }

    #[test]
    fn what_lists_multiply_is_bounded() {
        let limits = Limits {
            header_bytes: 100,
            tensors: 5,
            ..Limits::default()
        };
        let parse = |json: &str| Index::parse(json.as_bytes(), &limits);
        let name = "n".repeat(30);
        let json = |shards: &str| format!(r#"{{"weight_map":{{"{name}":[{shards}]}}}}"#);
        assert!(parse(&json(r#""1","2","3""#)).is_ok());
        assert_eq!(
            parse(&json(r#""1","2","3","4""#)).unwrap_err(),
            Malformed::TooLong {
                bytes: 120,
                limit: 100
            }
        );
        let many = r#"{"weight_map":{"a":["1","2","3"],"b":["1","2","3"]}}"#;
        let message = parse(many).unwrap_err().to_string();
        assert!(message.contains("the limit of 5"), "{message}");
    }

    #[test]
    fn ambiguous_or_incomplete_indexes() {
        assert_eq!(
            parse(r#"{"weight_map":{"a":"1","a":"1"}}"#).unwrap_err(),
            Malformed::Duplicate(Quoted::new("a"))
        );
        assert_eq!(
            parse(r#"{"weight_map":{"a":["1","1"]}}"#).unwrap_err(),
            Malformed::Duplicate(Quoted::new("1"))
        );
        for json in [
            "{}",
            r#"{"weight_map":{},"weight_map":{}}"#,
            r#"{"weight_map":{"a":1}}"#,
            r#"{"weight_map":{"a":[]}}"#,
            r#"{"weight_map":{"a":[["1"]]}}"#,
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
