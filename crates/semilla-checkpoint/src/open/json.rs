//! Opening JSON: a list of shapes, or the index of a model in shards.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::formats::shapes::Manifest;
use crate::io::file::open_file;
use crate::io::index::Index;
use crate::io::limits::Limits;
use crate::looks_like::LooksLike;
use crate::malformed::Malformed;

/// The content of a JSON file.
pub(super) enum Json {
    Shapes(Manifest),
    Index(Index),
}

/// Tells an index from a list of shapes: the first has a `weight_map`.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<Json, Error> {
    let (file, bytes) = open_file(path)?;
    let json = read_bounded(file, bytes, limits)
        .map_err(Error::io("read", path))?
        .map_err(Error::malformed(path))?;
    let parsed = match is_index(&json) {
        true => Index::parse(&json, limits).map(Json::Index),
        false => Manifest::parse(path, &json, limits).map(Json::Shapes),
    };
    parsed.map_err(|cause| match cause {
        Malformed::Json(_) if is_configuration(&json) => Error::Unrecognized {
            path: path.to_owned(),
            found: LooksLike::Configuration,
        },
        cause => Error::malformed(path)(cause),
    })
}

fn read_bounded(file: File, bytes: u64, limits: &Limits) -> io::Result<Result<Vec<u8>, Malformed>> {
    if bytes > limits.header_bytes {
        return Ok(Err(Malformed::TooLong {
            bytes,
            limit: limits.header_bytes,
        }));
    }
    let mut json = Vec::with_capacity(bytes as usize);
    file.take(limits.header_bytes).read_to_end(&mut json)?;
    Ok(Ok(json))
}

/// Whether the JSON must be an index, if anything: only a list of shapes has no `weight_map`.
fn is_index(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        weight_map: Option<IgnoredAny>,
    }
    !matches!(serde_json::from_slice(json), Ok(Probe { weight_map: None }))
}

/// Whether JSON other than a list of shapes describes a model or a tokenizer, as transformers,
/// diffusers, PEFT and Keras write it.
fn is_configuration(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(
            alias = "architectures",
            alias = "transformers_version",
            alias = "tokenizer_class",
            alias = "added_tokens",
            alias = "peft_type",
            alias = "_class_name",
            alias = "class_name"
        )]
        model_type: Option<IgnoredAny>,
    }
    match serde_json::from_slice::<Probe>(json) {
        Ok(probe) => probe.model_type.is_some(),
        // Two of the names are there.
        Err(error) => error.is_data(),
    }
}
