//! Small text files, read whole.

use std::path::{Path, PathBuf};

/// Why a text file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The system refused, or the file is not text.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
    /// The file is larger than a text of its kind can be.
    #[error("cannot read {}: it has {bytes} bytes, more than the limit of {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
}

/// Reads a text file, which is refused before it is read if it is larger than `limit` bytes.
///
/// # Errors
/// [`TextError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, TextError> {
    let refused = |error| TextError::Io {
        path: path.to_owned(),
        error,
    };
    let bytes = std::fs::metadata(path).map_err(refused)?.len();
    if bytes > limit {
        return Err(TextError::TooLarge {
            path: path.to_owned(),
            bytes,
            limit,
        });
    }
    std::fs::read_to_string(path).map_err(refused)
}
