//! The use cases that every front calls: the command, Rust programs, other languages.
//!
//! Each operation takes plain values and returns plain values; nothing is printed here.

mod adapter;
mod describe;
mod diff;
mod findings;
mod inputs;
mod inspect;
mod number;
mod origin;
mod pieces;
mod watch;

pub use adapter::{AdaptedMatrix, Adapter, AdapterError, AdapterReport};
pub use describe::{
    DescribeError, DescribeOptions, Described, Inferred, describe, describe_checkpoint,
};
pub use diff::{Change, Diff, TensorType, diff};
pub use findings::{Finding, Findings, NotFinite, Note, check_finite};
pub use inputs::{Inputs, OntoInput, same_place};
pub use inspect::{InspectError, Inspected, Inspection, inspect};
pub use number::{grouped_digits, number};
pub use origin::LEAST_SAMPLE;
pub use watch::Watch;
