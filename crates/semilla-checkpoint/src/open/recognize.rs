//! Recognizing a file's format from its first bytes, whether this build reads it or not.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::format::Format;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::looks_like::LooksLike;

/// The kinds of content that a file's first bytes distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Safetensors,
    Onnx,
    Gguf,
    /// A list of shapes, or an index of shards.
    Json,
    Zip,
    TorchStream,
    NumpyArray,
    Hdf5,
}

impl Content {
    /// The formats that the content may be of.
    pub(super) fn formats(self) -> Vec<Format> {
        match self {
            Content::Safetensors => vec![Format::Safetensors],
            Content::Onnx => vec![Format::Onnx],
            Content::Gguf => vec![Format::Gguf],
            Content::Json => vec![Format::Shapes],
            Content::Zip => vec![Format::Torch, Format::Numpy, Format::Keras],
            Content::TorchStream => vec![Format::Torch],
            Content::NumpyArray => vec![Format::Numpy],
            Content::Hdf5 => vec![Format::Keras],
        }
    }
}

/// Recognizes a file by its first bytes.
pub(super) fn recognize(path: &Path) -> Result<Content, Error> {
    // Its content is an archive of one tensor that does not say whose it is.
    if path
        .extension()
        .is_some_and(|extension| extension == "distcp")
    {
        return Err(Error::Distributed {
            path: path.to_owned(),
        });
    }
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
    if start.starts_with(b"\x93NUMPY") {
        return Ok(Content::NumpyArray);
    }
    if is_torch_stream(&start) {
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
    if has_hdf5_signature(&file, bytes) {
        return Ok(Content::Hdf5);
    }
    if braced || truncated_length(&start) {
        return Ok(Content::Safetensors);
    }
    Err(Error::Unrecognized {
        path: path.to_owned(),
        found: LooksLike::guess(&start),
    })
}

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

/// Whether a pickle is the first of PyTorch's stream, by the first bytes of the file.
fn is_torch_stream(start: &[u8]) -> bool {
    /// The first pickle: 0x1950a86a20f9469cfc6c.
    const MAGIC: &[u8] = &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    start.windows(MAGIC.len()).any(|window| window == MAGIC)
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

/// The name of a format that is never read and starts like this.
fn foreign(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'P', b'K', 5, 6, ..] => Some("an empty zip archive"),
        [0x1f, 0x8b, ..] => Some("a gzip archive"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("a zstd archive"),
        [0x80, 2..=5, ..] => Some("a pickle that PyTorch did not save"),
        _ => None,
    }
}
