//! Semilla from Python. No logic of its own: each function calls an operation of the Rust crates.

use pyo3::prelude::*;

mod drawn;
mod fill;
mod memory;
mod threads;
#[allow(dead_code, reason = "for plans")]
mod write;

/// The compiled part of the Python package `semilla`.
#[pymodule(gil_used = false)]
mod _semilla {
    use super::*;

    #[pymodule_export]
    use crate::drawn::Drawn;
    #[pymodule_export]
    use crate::fill::{Initializer, key};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
