//! Why a checkpoint could not be read or written.

use std::io;
use std::path::{Path, PathBuf};

use crate::format::Format;
use crate::looks_like::LooksLike;
use crate::malformed::Malformed;
use crate::quoted::Quoted;

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The attempt, such as "open".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// A plan's line that cannot be carried out.
    #[error("cannot fill {tensor:?}")]
    Fill {
        /// The tensor.
        tensor: String,
        /// Why not.
        #[source]
        cause: semilla::FillError,
    },
    /// A plan keeps a tensor that the model's file does not hold in the same type and shape.
    #[error(
        "{tensor:?} is to keep its values, but the model given has none for it; \
         give the file that holds them, or choose an initializer"
    )]
    NothingToKeep {
        /// The tensor.
        tensor: String,
    },
    /// A plan loads a tensor that its checkpoint does not hold in a shape that fits.
    #[error(
        "{tensor:?} is to load {wanted}, which its checkpoint does not have in a shape that fits; \
         make the plan again from the checkpoint given"
    )]
    NotInSource {
        /// The tensor.
        tensor: String,
        /// The checkpoint's tensor that it takes.
        wanted: Quoted,
    },
    /// Integers that the new type cannot hold.
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
        "no room for {}, which needs {bytes} bytes; free that much or choose another folder",
        path.display()
    )]
    Full {
        /// The file under its final name.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// The content contradicts its format.
    #[error("cannot read {}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The fault.
        #[source]
        cause: Malformed,
    },
    /// The content is of a format that is not read.
    #[error("{}: this is {format}, which is not read; convert it: {advice}", path.display())]
    Unsupported {
        /// The file or folder.
        path: PathBuf,
        /// The format's name, with its article.
        format: &'static str,
        /// The command that converts it, or what else to do.
        advice: String,
    },
    /// A file that cannot be read as the format that it is of.
    #[error("cannot read {} as {format}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that it is stored in.
        format: Format,
        /// The fault, and what to do.
        problem: String,
    },
    /// A compressed file that cannot be unpacked.
    #[error("cannot unpack {}: {problem}", path.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// The fault, and what to do.
        problem: String,
    },
    /// A zip archive that is damaged, or that readers may understand differently.
    #[error("cannot read {} as a zip archive: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// The content is of a format that was left out of the build.
    #[error(
        "{}: this build does not read {}; build it with the cargo feature {}",
        path.display(),
        one_of(formats.iter().map(Format::to_string)),
        one_of(formats.iter().filter_map(|format| format.feature()).map(|name| format!("`{name}`")))
    )]
    MissingFeature {
        /// The file.
        path: PathBuf,
        /// The formats that it may be of.
        formats: Vec<Format>,
    },
    /// The content is of no known format.
    #[error(
        "{}: {found}; formats that are read are {}, and indexes of shards",
        path.display(),
        formats_read()
    )]
    Unrecognized {
        /// The file.
        path: PathBuf,
        /// The kind of file that it seems to be.
        found: LooksLike,
    },
    /// The file stands for one that was not fetched.
    #[error(
        "{} is a Git LFS pointer, not the weights; fetch them with `git lfs pull`",
        path.display()
    )]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// Files of a model in parts are not there.
    #[error(
        "the model of {} lies in several files, of which {} {} missing beside it; fetch all into \
         one folder",
        path.display(),
        first_of(missing),
        if missing.len() == 1 { "is" } else { "are" }
    )]
    MissingParts {
        /// The part, or the index.
        path: PathBuf,
        /// The names of the files that are not there.
        missing: Vec<String>,
    },
    /// A file holds a slice of a model that cannot be merged with the others.
    #[error("{} holds {problem}", path.display())]
    Slice {
        /// The file.
        path: PathBuf,
        /// Of what it is a slice, and what to do.
        problem: String,
    },
    /// A piece of a folder of `torch.distributed.checkpoint` without the list of all.
    #[error(
        "{} is a piece of a checkpoint of torch.distributed.checkpoint, whose .metadata is missing \
         beside it; fetch the whole folder",
        path.display()
    )]
    Distributed {
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
        /// The content in the place of one model.
        found: String,
    },
    /// The output path names no file in a folder that exists.
    #[error("cannot write {}: {reason}", path.display())]
    Target {
        /// The output path.
        path: PathBuf,
        /// The fault, and what to do.
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
        "{}: the header would have {bytes} bytes and readers accept {limit}; \
         write the model in shards",
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

    /// Names the file that was given in the place of a temporary one.
    #[cfg(feature = "compressed")]
    pub(crate) fn of_file(mut self, temporary: &Path, given: &Path) -> Error {
        use Error::{
            Archive, Distributed, Folder, Format, HeaderTooLong, Io, LfsPointer, Malformed,
            MissingFeature, MissingParts, NoValues, NotAFile, Slice, Unpack, Unrecognized,
            Unsupported,
        };
        if let Unsupported { advice, .. } = &mut self {
            let [temporary, given] = [temporary, given].map(|path| path.display().to_string());
            *advice = advice.replace(&temporary, &given);
        }
        if let Io { path, .. }
        | Malformed { path, .. }
        | Unsupported { path, .. }
        | Format { path, .. }
        | Unpack { path, .. }
        | Archive { path, .. }
        | MissingFeature { path, .. }
        | Unrecognized { path, .. }
        | LfsPointer { path, .. }
        | MissingParts { path, .. }
        | Slice { path, .. }
        | Distributed { path, .. }
        | NotAFile { path, .. }
        | Folder { path, .. }
        | NoValues { path, .. }
        | HeaderTooLong { path, .. } = &mut self
            && path == temporary
        {
            *path = given.to_owned();
        }
        self
    }

    /// Says in which file the contradiction was found.
    pub(crate) fn malformed(path: &Path) -> impl FnOnce(Malformed) -> Error {
        move |cause| Error::Malformed {
            path: path.to_owned(),
            cause,
        }
    }
}

/// The first names, and how many more there are.
fn first_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str);
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

/// The formats that this build reads.
fn formats_read() -> String {
    let read = Format::ALL.iter().filter(|format| format.is_read());
    read.map(Format::to_string).collect::<Vec<_>>().join(", ")
}

/// Alternatives, as in "a, b or c".
fn one_of(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match &names[..] {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}
