use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Malformed};
use crate::formats::keras::{self, Keras};
use crate::formats::numpy::Numpy;
use crate::formats::numpy::npy;
use crate::formats::safetensors::index::Index;
use crate::formats::safetensors::reader::{Safetensors, open_file};
use crate::formats::shapes::Manifest;
use crate::formats::torch::Shards;
use crate::formats::torch::{self, Torch};
use crate::io::archive::{self, Archive};
use crate::{Checkpoint, Format, Gguf, Onnx};

/// What a source may ask of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a safetensors header, of an index, of a list of shapes, of a
    /// pickle, or of the texts of an ONNX or GGUF file.
    /// Default: 32 MiB.
    pub header_bytes: u64,
    /// Tensors in one file or index; in ONNX, with the nodes, their inputs and attributes. Default: 1 000 000.
    pub tensors: usize,
    /// Entries of a file's metadata. Default: 65 536.
    pub metadata: usize,
    /// Bytes of one tensor that must be decoded whole: any format but safetensors. Default: 8 GiB.
    pub decoded_bytes: u64,
    /// Bytes that a file may declare or unpack to per byte that it has. Default: 1000.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 << 20,
            tensors: 1_000_000,
            metadata: 1 << 16,
            decoded_bytes: 8 << 30,
            expansion: 1000,
        }
    }
}

/// Opens what lies at `path`, with the default [`Limits`].
///
/// The content decides, never the file's extension. A path may be
/// - a safetensors file;
/// - a file of PyTorch (`.pt`, `.pth`): a zip archive or a stream of pickles, with a state
///   dictionary or a whole module. No pickle is run; what it names beyond weights is in
///   [`Checkpoint::remarks`];
/// - one or several arrays of NumPy (`.npy`, `.npz`);
/// - the index of a model in shards (`model.safetensors.index.json`, `pytorch_model.bin.index.json`,
///   Keras's `model.weights.json`);
/// - an ONNX model, with its external data beside it;
/// - a GGUF file;
/// - a list of shapes (see [`Manifest::parse`]);
/// - a Keras or other HDF5 file, or a `.keras` archive (see [`Keras`]);
/// - a folder that holds one safetensors file, or one index of such; or, if none, one `*model.bin` of PyTorch, or one index;
///   or, if none, one `.weights.h5` of Keras, or one index.
///
/// # Errors
/// The path cannot be read, does not hold one model, is of another format, or is damaged.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>, Error> {
    open_with(path, &Limits::default())
}

/// Opens what lies at `path`, as [`open`] does, with other limits.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let path = path.as_ref();
    let file = if path.is_dir() {
        choose(path)?
    } else {
        path.to_owned()
    };
    open_content(&file, recognize(&file)?, limits)
}

fn open_content(
    file: &Path,
    content: Content,
    limits: &Limits,
) -> Result<Box<dyn Checkpoint>, Error> {
    match content {
        Content::Safetensors => Ok(Box::new(Safetensors::open(file, limits)?)),
        Content::Onnx => Ok(Box::new(Onnx::open(file, limits)?)),
        Content::Gguf => Ok(Box::new(Gguf::open(file, limits)?)),
        Content::Json => open_json(file, limits),
        Content::Zip => open_archive(file, limits),
        Content::TorchStream => Ok(Box::new(Torch::open_stream(file, limits)?)),
        Content::Array => Ok(Box::new(Numpy::open_array(file, limits)?)),
        Content::Keras => Ok(Box::new(Keras::open(file, limits)?)),
    }
}

/// How the files end that stand for a folder's model, the preferred kind first.
struct Kind {
    name: &'static str,
    single: &'static str,
    index: &'static str,
    /// What the whole model would have in the place of the index's ending.
    whole: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "safetensors",
        single: ".safetensors",
        index: ".safetensors.index.json",
        whole: ".safetensors",
    },
    // Beside these lie optimizers' states and arguments, which end in .bin too.
    Kind {
        name: "model.bin",
        single: "model.bin",
        index: ".bin.index.json",
        whole: ".bin",
    },
    Kind {
        name: "weights.h5",
        single: ".weights.h5",
        index: ".weights.json",
        whole: ".weights.h5",
    },
];

/// The file of a folder that stands for its model.
fn choose(folder: &Path) -> Result<PathBuf, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') {
            files.push((name.into_owned(), path));
        }
    }
    let ending = |end: &str| -> Vec<PathBuf> {
        let those = files.iter().filter(|(name, _)| name.ends_with(end));
        those.map(|(_, path)| path.clone()).collect()
    };
    let found = KINDS.iter().find_map(|kind| {
        let (indexes, singles) = (ending(kind.index), ending(kind.single));
        let some = !indexes.is_empty() || !singles.is_empty();
        some.then(|| one_of(kind, indexes, singles))
    });
    let none = || Err("no safetensors file, no pytorch_model.bin and no .weights.h5".to_owned());
    found.unwrap_or_else(none).map_err(|found| Error::Folder {
        path: folder.to_owned(),
        found,
    })
}

/// The one file of a kind that is the whole model, or what there is instead.
fn one_of(kind: &Kind, indexes: Vec<PathBuf>, singles: Vec<PathBuf>) -> Result<PathBuf, String> {
    match (&indexes[..], &singles[..]) {
        ([index], shards) => match beside(kind, index, shards) {
            None => Ok(index.clone()),
            Some(whole) => Err(format!("both {whole} and an index of shards")),
        },
        ([], [single]) => Ok(single.clone()),
        ([], _) => Err(format!(
            "{} {} files and no index",
            singles.len(),
            kind.name
        )),
        _ => Err(format!("{} indexes", indexes.len())),
    }
}

/// The whole model of the index's own name, if there is one: then the shards may be of another
/// time.
fn beside(kind: &Kind, index: &Path, singles: &[PathBuf]) -> Option<String> {
    let index = index.file_name()?.to_string_lossy();
    let whole = index.strip_suffix(kind.index)?.to_owned() + kind.whole;
    let is_whole = |single: &PathBuf| single.file_name().is_some_and(|name| *name == *whole);
    singles.iter().any(is_whole).then_some(whole)
}

enum Content {
    Safetensors,
    Onnx,
    Gguf,
    Json,
    Zip,
    TorchStream,
    Array,
    Keras,
}

/// Tells a file's format from its first bytes.
fn recognize(path: &Path) -> Result<Content, Error> {
    let (file, bytes) = open_file(path)?;
    let mut start = Vec::new();
    (&file)
        .take(64)
        .read_to_end(&mut start)
        .map_err(Error::io("read", path))?;
    // A header of less than 4 GiB, and its brace: no text and no other format has these zeros.
    let braced = start.get(8) == Some(&b'{');
    if braced && start[4..8] == [0; 4] {
        return Ok(Content::Safetensors);
    }
    if start.starts_with(b"GGUF") {
        return Ok(Content::Gguf);
    }
    if is_onnx(&start) {
        return Ok(Content::Onnx);
    }
    if start.starts_with(b"version https://git-lfs") {
        return Err(Error::LfsPointer {
            path: path.to_owned(),
        });
    }
    if start.starts_with(b"PK\x03\x04") {
        return Ok(Content::Zip);
    }
    if start.starts_with(npy::MAGIC) {
        return Ok(Content::Array);
    }
    if torch::is_stream(&start) {
        return Ok(Content::TorchStream);
    }
    if let Some(format) = foreign(&start) {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            format,
        });
    }
    if start.trim_ascii_start().first() == Some(&b'{') && !start.contains(&0) {
        return Ok(Content::Json);
    }
    if keras::has_signature(&file, bytes) {
        return Ok(Content::Keras);
    }
    if braced || truncated_length(&start) {
        return Ok(Content::Safetensors);
    }
    Err(Error::Unrecognized {
        path: path.to_owned(),
    })
}

/// Whether a file that ends before its header could start like a safetensors file.
fn truncated_length(start: &[u8]) -> bool {
    start.len() == 8 && start[4..] == [0; 4]
}

/// Whether this starts with fields 1 (the version, a varint) and 2 or later of ONNX's `ModelProto` message.
fn is_onnx(start: &[u8]) -> bool {
    matches!(
        start,
        [
            0x08,
            1..=32,
            0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a | 0x42,
            ..,
        ]
    )
}

/// The name of another format that starts like this.
fn foreign(start: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 3] = [
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    ];
    let magic = MAGIC
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map(|(_, name)| *name);
    match start {
        _ if magic.is_some() => magic,
        [0x80, 2..=5, ..] => Some("a pickle that PyTorch did not save"),
        _ => None,
    }
}

/// Tells what an archive is for from its entries.
fn open_archive(path: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let archive = Archive::open(path, limits)?;
    let format = match archive.content() {
        Some(archive::Content::Torch) => {
            return Ok(Box::new(Torch::open_archive(archive, limits)?));
        }
        Some(archive::Content::Numpy) => {
            return Ok(Box::new(Numpy::open_archive(archive, limits)?));
        }
        Some(archive::Content::TorchScript) => "a TorchScript archive (a program with its weights)",
        Some(archive::Content::Keras) => return Ok(Box::new(Keras::open(path, limits)?)),
        None => "a zip archive without weights of PyTorch, NumPy or Keras",
    };
    Err(Error::Unsupported {
        path: path.to_owned(),
        format,
    })
}

/// Tells an index from a list of shapes: the first has a `weight_map`.
fn open_json(path: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let (file, bytes) = open_file(path)?;
    let json = read_bounded(file, bytes, limits)
        .map_err(Error::io("read", path))?
        .map_err(Error::malformed(path))?;
    if is_index(&json) {
        return open_index(path, &json, limits);
    }
    Ok(Box::new(
        Manifest::parse(path, &json, limits).map_err(Error::malformed(path))?,
    ))
}

/// Opens the shards of an index by what the first of them is.
fn open_index(path: &Path, json: &[u8], limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let index = Index::parse(json, limits).map_err(Error::malformed(path))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let first = index
        .shards()
        .next()
        .map(|lines| folder.join(&lines[0].shard));
    match first.map(|shard| recognize(&shard)).transpose()? {
        Some(Content::Keras) => return Ok(Box::new(Keras::open_shards(path, &index, limits)?)),
        Some(Content::Zip | Content::TorchStream) => {}
        _ => return Ok(Box::new(Safetensors::open_shards(path, &index, limits)?)),
    }
    let open = |shard: &Path| match recognize(shard)? {
        content @ (Content::Zip | Content::TorchStream) => open_content(shard, content, limits),
        _ => Err(Error::Format {
            path: shard.to_owned(),
            format: Format::Torch,
            problem: "it is of another format than the first shard of its index".to_owned(),
        }),
    };
    Ok(Box::new(Shards::open(path, &index, open)?))
}

fn read_bounded(
    file: File,
    bytes: u64,
    limits: &Limits,
) -> std::io::Result<Result<Vec<u8>, Malformed>> {
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
    #[derive(serde::Deserialize)]
    struct Probe {
        weight_map: Option<serde::de::IgnoredAny>,
    }
    !matches!(serde_json::from_slice(json), Ok(Probe { weight_map: None }))
}
