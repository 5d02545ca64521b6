//! Faults of HDF5 files.

use std::path::Path;

use crate::error::Error;
use crate::format::Format;

/// A sentence about a file's fault, without its path.
pub(super) type Problem = String;

/// The HDF5 reader's error in words safe to print: the text may quote the file.
pub(super) fn problem(error: &hdf5_reader::error::Error) -> Problem {
    use hdf5_reader::error::Error as Hdf5;
    let mut cause = error;
    while let Hdf5::Context { source, .. } = cause {
        cause = source;
    }
    let advice = match cause {
        Hdf5::UnsupportedLayoutClass(3) => {
            " (a virtual dataset, whose values lie in other files; those are never read)"
        }
        Hdf5::UnexpectedEof { .. } | Hdf5::OffsetOutOfBounds(_) => {
            " (the file is truncated or damaged; fetch it again)"
        }
        _ => "",
    };
    let text: String = error.to_string().chars().take(300).collect();
    let safe = text.escape_debug().to_string().replace("\\'", "'");
    format!("{safe}{advice}")
}

/// Says in which file the fault was found.
pub(super) fn refused(path: &Path) -> impl Fn(Problem) -> Error {
    move |problem| Error::Format {
        path: path.to_owned(),
        format: Format::Keras,
        problem,
    }
}
