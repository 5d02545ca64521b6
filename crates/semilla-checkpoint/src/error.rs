use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Format;
use crate::tensor::{MAX_DIMS, MAX_NAME_BYTES};

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, such as "open".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A plan's line that cannot be carried out.
    #[error("cannot fill {tensor:?}: {error}")]
    Fill {
        /// The tensor.
        tensor: String,
        /// Why not.
        error: semilla::FillError,
    },
    /// A plan keeps a tensor that the model's file does not hold in the same type and shape.
    #[error(
        "{tensor:?} is to keep its values, but the model given has none for it; give the file that holds them, \
         or choose an initializer"
    )]
    NothingToKeep {
        /// The tensor.
        tensor: String,
    },
    /// A plan loads a tensor that its checkpoint does not hold in a shape that fits.
    #[error(
        "{tensor:?} is to load {wanted}, which its checkpoint does not have in a shape that fits; make the plan anew \
         from the checkpoint given"
    )]
    NotInSource {
        /// The tensor.
        tensor: String,
        /// What it takes.
        wanted: Quoted,
    },
    /// Integers that another integer type cannot hold.
    #[error("{tensor} holds {from} values that {to} cannot hold exactly; keep the type {from}")]
    Integers {
        /// The checkpoint's tensor.
        tensor: Quoted,
        /// Its type.
        from: semilla::DType,
        /// The type asked for.
        to: semilla::DType,
    },
    /// The work was stopped.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The disk has no room for the file.
    #[error(
        "no room for {}, which needs {bytes} bytes ({cause}); free that much or choose another folder",
        path.display()
    )]
    Full {
        /// The file under its final name.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The system's answer.
        cause: io::Error,
    },
    /// The content contradicts its format.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Malformed,
    },
    /// The content is of a format that cannot be read.
    #[error(
        "{}: this is {format}, which is not supported yet; convert it to safetensors",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The format's name, with its article.
        format: &'static str,
    },
    /// A file of another format that cannot be read as such.
    #[error("cannot read {} as {format}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is stored as.
        format: Format,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A zip archive that is damaged, or that readers may understand differently.
    #[error("cannot read {} as a zip archive: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The content is of no known format.
    #[error(
        "{}: no known format starts like this; expected a safetensors file, its index, or a JSON list of shapes \
         (if it should be one of those, it is truncated or damaged)",
        path.display()
    )]
    Unrecognized {
        /// The file.
        path: PathBuf,
    },
    /// The file stands for another one that was not fetched.
    #[error("{} is a Git LFS pointer, not the weights; fetch them with `git lfs pull`", path.display())]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// The path is neither a file nor a folder.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The folder does not hold one model.
    #[error("the folder {} holds {found}; name the file to use", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What it holds instead of one model.
        found: String,
    },
    /// The output path names no file in a folder that exists.
    #[error("cannot write {}: {reason}", path.display())]
    Target {
        /// The output path.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// The source lists shapes but has no values.
    #[error("{} lists shapes only: tensor {tensor} has no values to read", path.display())]
    NoValues {
        /// The source.
        path: PathBuf,
        /// The tensor.
        tensor: Quoted,
    },
    /// A range of bytes that a tensor does not have.
    #[error("tensor {tensor} has {size} bytes: {len} bytes at offset {offset} are out of range")]
    OutOfRange {
        /// The tensor.
        tensor: Quoted,
        /// The range's first byte.
        offset: u64,
        /// The range's length in bytes.
        len: usize,
        /// The tensor's length in bytes.
        size: u64,
    },
    /// A position beyond the list of tensors.
    #[error("tensor number {tensor} does not exist: there are {count}")]
    NoSuchTensor {
        /// The position.
        tensor: usize,
        /// The list's length.
        count: usize,
    },
    /// Bytes that were written before.
    #[error("tensor {tensor}: bytes {offset} to {} were written twice", offset + *len as u64)]
    WrittenTwice {
        /// The tensor.
        tensor: Quoted,
        /// The second write's first byte.
        offset: u64,
        /// Its length in bytes.
        len: usize,
    },
    /// Bytes that were never written.
    #[error("tensor {tensor}: {written} of {size} bytes were written; nothing was kept")]
    Incomplete {
        /// The first tensor with a gap.
        tensor: Quoted,
        /// Bytes written.
        written: u64,
        /// The tensor's length in bytes.
        size: u64,
    },
    /// More names and shapes than readers of safetensors accept.
    #[error(
        "{}: the header would have {bytes} bytes and readers accept {limit}; write the model in shards",
        path.display()
    )]
    HeaderTooLong {
        /// The file under its final name.
        path: PathBuf,
        /// The header's size.
        bytes: usize,
        /// The most that readers accept.
        limit: usize,
    },
}

impl Error {
    /// Wraps the system's answer to `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |cause| Error::Io {
            action,
            path: path.to_owned(),
            cause,
        }
    }

    /// Says in which file the contradiction was found.
    pub(crate) fn malformed(path: &Path) -> impl FnOnce(Malformed) -> Error {
        move |why| Error::Malformed {
            path: path.to_owned(),
            why,
        }
    }
}

/// How the content of a file contradicts its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The file ends inside its header.
    #[error(
        "the file is truncated: its header needs {needed} bytes and the file has {file}; fetch it again"
    )]
    HeaderTruncated {
        /// Header and its length field, in bytes.
        needed: u64,
        /// The file's length.
        file: u64,
    },
    /// A header, index or list beyond [`Limits::header_bytes`](crate::Limits::header_bytes).
    #[error("the header has {bytes} bytes, more than the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The JSON is not valid, or not of the expected form.
    #[error("bad JSON: {0}")]
    Json(Quoted),
    /// A name occurs twice.
    #[error("the name {0} occurs twice")]
    Duplicate(Quoted),
    /// One tensor's description is wrong.
    #[error(transparent)]
    Tensor(#[from] InvalidTensor),
    /// All tensors together have more bytes than a file can.
    #[error("the tensors have more bytes together than a file can have")]
    TotalTooLarge,
    /// The file ends inside the data.
    #[error(
        "the file is truncated: the tensors need {needed} bytes of data and there are {data}; fetch it again"
    )]
    DataTruncated {
        /// Bytes that the header describes.
        needed: u64,
        /// Bytes after the header.
        data: u64,
    },
    /// The file goes on after the data.
    #[error("{extra} bytes follow the last tensor, where the file should end")]
    Trailing {
        /// How many.
        extra: u64,
    },
    /// An index names a shard that is not a plain file name.
    #[error("the shard name {0} is refused: a shard must be a file in the index's own folder")]
    ShardName(Quoted),
    /// An index promises a tensor, or a group of variables, that its shard lacks.
    #[error("the index places {name} in {shard}, which does not have it")]
    NotInShard {
        /// The tensor's name, or the group's path.
        name: Quoted,
        /// The shard's file name.
        shard: Quoted,
    },
    /// A shard has a tensor, or a group of variables, that the index does not place there.
    #[error("the shard {shard} has {name}, which the index does not place there")]
    NotInIndex {
        /// The tensor's name, or the group's path.
        name: Quoted,
        /// The shard's file name.
        shard: Quoted,
    },
}

/// A tensor whose name, element type, shape and bytes do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tensor {name}: {fault}")]
pub struct InvalidTensor {
    /// The tensor's name.
    pub name: Quoted,
    /// What is wrong with it.
    pub fault: TensorFault,
}

/// What is wrong with one tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFault {
    /// The name has characters that a terminal would obey.
    #[error("control characters in the name")]
    ControlCharacter,
    /// The name is longer than 4096 bytes.
    #[error("the name has {0} bytes, more than {MAX_NAME_BYTES}")]
    LongName(usize),
    /// The name is that of the metadata.
    #[error("this name is reserved for the metadata")]
    Reserved,
    /// More than 64 dimensions.
    #[error("the shape has {0} dimensions, more than {MAX_DIMS}")]
    Dimensions(usize),
    /// The shape's size overflows, zeros among the dimensions left aside.
    #[error("the shape {0:?} has more bytes than a file can have")]
    TooLarge(Vec<usize>),
    /// An element type that cannot be read.
    #[error("its dtype {0} is not supported")]
    DType(Quoted),
    /// The range of data has another length than shape and element type ask for.
    #[error(
        "its data range {start}..{end} does not have the {needed} bytes that dtype and shape need"
    )]
    Length {
        /// The range's first byte.
        start: u64,
        /// The byte after the range.
        end: u64,
        /// Bytes that element type and shape ask for.
        needed: u64,
    },
    /// The range of data overlaps another or leaves a hole.
    #[error(
        "its data start at byte {start} where {expected} is due: ranges must neither overlap nor leave holes"
    )]
    Placement {
        /// The range's first byte.
        start: u64,
        /// Where the previous range ended.
        expected: u64,
    },
}

/// Text from a file, made safe to print: quoted, control characters escaped, clipped.
#[derive(Clone, PartialEq, Eq)]
pub struct Quoted(Box<str>);

impl Quoted {
    const MAX_CHARS: usize = 300;

    /// Quotes `text`.
    pub fn new(text: &str) -> Self {
        let clipped: String = text.chars().take(Self::MAX_CHARS).collect();
        let ellipsis = if clipped.len() < text.len() {
            "..."
        } else {
            ""
        };
        Self(format!("{clipped:?}{ellipsis}").into())
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that may quote a file, made safe to print: control characters escaped, clipped.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars().take(Quoted::MAX_CHARS) {
        match c {
            '"' | '\'' | '\\' => printable.push(c),
            other => printable.extend(other.escape_debug()),
        }
    }
    printable
}
