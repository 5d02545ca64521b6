//! The command, run through its real binary.

mod run;

pub(crate) use run::{json, run};
