//! Why a store cannot be used.

use std::path::PathBuf;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be opened or read.
    #[error("cannot open the store {}", path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
    /// It cannot be written. What was in it is still there.
    #[error(
        "cannot write to the store {}; what it held is kept: mend the cause and run the same command again",
        path.display()
    )]
    Write {
        /// Its path.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "the store {} is in use by another run; wait for its end, or give another --store",
        path.display()
    )]
    Busy {
        /// Its path.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is no store of runs; give another --store", path.display())]
    Foreign {
        /// Its path.
        path: PathBuf,
    },
    /// Its trials are of another model, other data or another loss.
    #[error(
        "the store {} holds runs of another problem ({theirs}); give another --store",
        path.display()
    )]
    Other {
        /// Its path.
        path: PathBuf,
        /// The problem, in words.
        theirs: String,
    },
    /// A line before the last is not what was written.
    #[error(
        "the store {} is damaged in line {line}; restore it from a copy, or give another --store",
        path.display()
    )]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}
