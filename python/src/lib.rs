//! Semilla from Python. No logic of its own: each function calls an operation of the Rust crates.

mod command;
mod description;
mod drawn;
mod errors;
mod fill;
mod hashed;
mod line;
mod lora;
mod memory;
mod plan;
mod recipe;
mod recommendation;
mod run;
mod threads;
mod write;

use pyo3::prelude::*;

/// The compiled part of the Python package `semilla`.
#[pymodule(gil_used = false)]
mod _semilla {
    use super::*;

    #[pymodule_export]
    use crate::command::main;
    #[pymodule_export]
    use crate::description::Description;
    #[pymodule_export]
    use crate::drawn::Drawn;
    #[pymodule_export]
    use crate::fill::{Initializer, key};
    #[pymodule_export]
    use crate::line::Line;
    #[pymodule_export]
    use crate::lora::adapt;
    #[pymodule_export]
    use crate::plan::Plan;
    #[pymodule_export]
    use crate::recommendation::Recommendation;
    #[pymodule_export]
    use crate::run::{Checked, Measured, Run, Theory};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
