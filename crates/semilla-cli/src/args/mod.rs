//! The command line.

pub(crate) mod cli;
pub(crate) mod diff;
pub(crate) mod formats;
pub(crate) mod inspect;
pub(crate) mod lora;
