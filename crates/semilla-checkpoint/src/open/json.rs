//! Opening JSON: a list of shapes, or the index of a model in shards.

use std::collections::HashMap;
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
use crate::open::foreign::{Foreign, TENSORFLOW_JS};

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
        Malformed::Json(_) => match other(&json) {
            Some(Other::Foreign(foreign)) => foreign.refused(path),
            Some(Other::Known(found)) => Error::Unrecognized {
                path: path.to_owned(),
                found,
            },
            None => Error::malformed(path)(cause),
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

/// What JSON is that is neither an index nor meant to be a list of shapes.
fn other(json: &[u8]) -> Option<Other> {
    const SHAPE: &[u8] = b"\"shape\"";
    let keys: HashMap<String, IgnoredAny> = serde_json::from_slice(json).ok()?;
    let has = |key: &str| keys.contains_key(key);
    match () {
        () if has("weightsManifest") => Some(Other::Foreign(TENSORFLOW_JS)),
        () if has("weight_map") || json.windows(SHAPE.len()).any(|bytes| bytes == SHAPE) => None,
        () if has("error") => Some(Other::Known(LooksLike::Answer)),
        () => Some(Other::Known(LooksLike::Configuration)),
    }
}

/// JSON without shapes or shards.
enum Other {
    Known(LooksLike),
    Foreign(Foreign),
}
