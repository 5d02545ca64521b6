//! Rust's errors as Python's exceptions.

use std::error::Error;
use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyError, PyOSError, PyValueError};
use semilla_checkpoint::ops::{DescribeError, MemoryError};

/// The exception of an error, with its causes: a missing file is a `FileNotFoundError`, what the
/// system refuses an `OSError`, a name that nothing has a `KeyError`, all else a `ValueError`.
pub(crate) fn raised(error: impl Error + 'static) -> PyErr {
    exception(&error)
}

/// As [`raised`], of an error that somebody else holds.
pub(crate) fn exception(error: &(dyn Error + 'static)) -> PyErr {
    let causes = || std::iter::successors(Some(error), |&e| e.source());
    let text = with_causes(causes());
    let io = causes().find_map(|cause| cause.downcast_ref::<io::Error>());
    let is_nowhere =
        causes().any(|cause| matches!(cause.downcast_ref(), Some(DescribeError::NotFound(_))));
    let is_unknown =
        causes().any(|cause| matches!(cause.downcast_ref(), Some(MemoryError::Unknown(_))));
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::NotFound) => PyFileNotFoundError::new_err(text),
        Some(_) => PyOSError::new_err(text),
        None if is_nowhere => PyFileNotFoundError::new_err(text),
        None if is_unknown => PyKeyError::new_err(text),
        None => PyValueError::new_err(text),
    }
}

/// Errors in one line. A cause that the text before it quotes is not repeated.
fn with_causes<'e>(causes: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    causes.fold(String::new(), |text, cause| {
        let more = cause.to_string();
        match () {
            () if text.is_empty() => more,
            () if text.ends_with(&more) => text,
            () => format!("{text}: {more}"),
        }
    })
}
