//! Recognizing a file's format from its first bytes, whether this build reads it or not.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::format::Format;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::looks_like::LooksLike;
use crate::open::foreign::Foreign;

/// The kinds of content that a file's first bytes distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Safetensors,
    Onnx,
    Gguf,
    Flax,
    /// A list of shapes, or an index of shards.
    Json,
    Zip,
    TorchStream,
    /// The list of what a folder of `torch.distributed.checkpoint` holds.
    Distributed,
    /// Any other pickle, which may hold arrays of NumPy.
    Pickle,
    NumpyArray,
    Hdf5,
    /// A manifest or the list of leaves of Orbax.
    Orbax,
    /// The table of variables of TensorFlow.
    TensorFlow,
    /// A compressed file of any of these.
    Packed(Packing),
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// Tells by the first bytes of a file.
    pub(super) fn of_start(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }
}

impl Content {
    /// The formats that the content may be of.
    pub(super) fn formats(self) -> Vec<Format> {
        match self {
            Content::Safetensors => vec![Format::Safetensors],
            Content::Onnx => vec![Format::Onnx],
            Content::Gguf => vec![Format::Gguf],
            Content::Flax => vec![Format::Flax],
            Content::Json => vec![Format::Shapes],
            Content::Zip => vec![Format::Torch, Format::Numpy, Format::Keras],
            Content::TorchStream | Content::Distributed | Content::Pickle => vec![Format::Torch],
            Content::NumpyArray => vec![Format::Numpy],
            Content::Hdf5 => vec![Format::Keras],
            Content::Orbax => vec![Format::Orbax],
            Content::TensorFlow => vec![Format::TensorFlow],
            Content::Packed(_) => Vec::new(),
        }
    }
}

/// The bytes at a file's start that tell its format: a tar archive has its mark at 257.
const START: u64 = 264;

/// Recognizes a file by its first bytes.
pub(super) fn recognize(path: &Path) -> Result<Content, Error> {
    let (file, bytes) = open_file(path)?;
    let mut start = Vec::new();
    (&file)
        .take(START)
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
    if ends_as_table(&file, bytes) {
        return Ok(Content::TensorFlow);
    }
    let by_name = Foreign::of_name(path, &start);
    if is_onnx(&start) {
        // Other messages of Protocol Buffers start so, too.
        return match by_name {
            Some(foreign) => Err(foreign.refused(path)),
            None => Ok(Content::Onnx),
        };
    }
    if start.starts_with(b"version https://git-lfs") {
        return Err(Error::LfsPointer {
            path: path.to_owned(),
        });
    }
    if start.starts_with(b"PK\x03\x04") {
        return Ok(Content::Zip);
    }
    if start.starts_with(b"\x93NUMPY") {
        return Ok(Content::NumpyArray);
    }
    if let Some(packing) = Packing::of_start(&start) {
        return Ok(Content::Packed(packing));
    }
    if is_torch_stream(&start) {
        return Ok(Content::TorchStream);
    }
    if is_distributed(&start) {
        return Ok(Content::Distributed);
    }
    let is_list = path.file_name().is_some_and(|name| {
        let name = name.to_str().unwrap_or_default();
        name == ORBAX[1] || ZARR.contains(&name)
    });
    if start.starts_with(&[0x0c, 0xdb, b':', b'*']) || is_list {
        return Ok(Content::Orbax);
    }
    if let [0x80, 2..=5, ..] = start[..] {
        return Ok(Content::Pickle);
    }
    if let Some(foreign) = Foreign::of_start(&start) {
        return Err(foreign.refused(path));
    }
    if start.trim_ascii_start().first() == Some(&b'{') && !start.contains(&0) {
        return Ok(Content::Json);
    }
    if has_hdf5_signature(&file, bytes) {
        return Ok(Content::Hdf5);
    }
    if is_flax(&start) {
        return Ok(Content::Flax);
    }
    if braced || truncated_length(&start) {
        return Ok(Content::Safetensors);
    }
    Err(match by_name {
        Some(foreign) => foreign.refused(path),
        None => Error::Unrecognized {
            path: path.to_owned(),
            found: LooksLike::guess(&start),
        },
    })
}

/// Names of a folder's files that stand for a checkpoint of Orbax, the preferred one first: the
/// manifest of a tree of values, and the list of leaves.
pub(super) const ORBAX: [&str; 2] = ["manifest.ocdbt", "_METADATA"];

/// What stands in the folder of an array of Zarr, of its second or third version.
pub(super) const ZARR: [&str; 2] = [".zarray", "zarr.json"];

/// Whether a file that ends before its header could start like a safetensors file.
fn truncated_length(start: &[u8]) -> bool {
    start.len() == 8 && start[4..] == [0; 4]
}

/// Whether this starts with fields 1 (the version, a varint) and 2 or later of ONNX's `ModelProto`
/// message.
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

/// Whether this starts with a dictionary of MessagePack whose first key is a text.
fn is_flax(start: &[u8]) -> bool {
    let key = match start {
        [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] | [0xdf, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    let text = match key {
        [length @ 0xa1..=0xbf, text @ ..] => text.get(..usize::from(length & 31)),
        [0xd9, length, text @ ..] => text.get(..usize::from(*length)),
        _ => None,
    };
    text.is_some_and(|text| text.iter().all(|byte| (0x20..0x7f).contains(byte)))
}

/// Whether a pickle is the first of PyTorch's stream, by the first bytes of the file.
fn is_torch_stream(start: &[u8]) -> bool {
    /// The first pickle: 0x1950a86a20f9469cfc6c.
    const MAGIC: &[u8] = &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    let first = &start[..start.len().min(64)];
    first.windows(MAGIC.len()).any(|window| window == MAGIC)
}

/// Whether a file ends as LevelDB's tables do, by the magic number.
fn ends_as_table(file: &File, bytes: u64) -> bool {
    const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();
    let mut end = [0; MAGIC.len()];
    let at = bytes.checked_sub(end.len() as u64);
    at.is_some_and(|at| read_at(file, &mut end, at).is_ok() && end == MAGIC)
}

/// Whether a pickle lists what a folder of `torch.distributed.checkpoint` holds.
fn is_distributed(start: &[u8]) -> bool {
    const MODULE: &[u8] = b"torch.distributed.checkpoint.metadata";
    start.starts_with(&[0x80]) && start.windows(MODULE.len()).any(|window| window == MODULE)
}

/// Whether an HDF5 file starts somewhere that readers look: at 0, 512, 1024, 2048, ...
fn has_hdf5_signature(file: &File, bytes: u64) -> bool {
    const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
    let offsets = std::iter::once(0).chain((9..63).map(|power| 1u64 << power));
    offsets
        .take_while(|&offset| offset.saturating_add(SIGNATURE.len() as u64) <= bytes)
        .any(|offset| {
            let mut found = [0; SIGNATURE.len()];
            read_at(file, &mut found, offset).is_ok() && found == SIGNATURE
        })
}
