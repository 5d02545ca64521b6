//! The command, from Python.

use pyo3::prelude::*;

/// Runs the command `semilla` with these arguments, the first of which is its name, and returns
/// its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, args: Vec<String>) -> u8 {
    py.detach(|| semilla_cli::run(args))
}
