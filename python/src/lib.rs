//! Semilla from Python. No logic of its own: each function calls an operation of the Rust crates.

mod command;
mod description;
mod errors;
mod line;
mod plan;
mod recipe;

use pyo3::prelude::*;

/// The compiled part of the Python package `semilla`.
#[pymodule(gil_used = false)]
mod _semilla {
    use super::*;

    #[pymodule_export]
    use command::main;
    #[pymodule_export]
    use description::Description;
    #[pymodule_export]
    use line::Line;
    #[pymodule_export]
    use plan::Plan;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
