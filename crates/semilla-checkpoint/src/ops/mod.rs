//! The use cases that every front calls: the command, Rust programs, other languages.
//!
//! Each operation takes plain values and returns plain values; nothing is printed here.

mod describe;

pub use describe::{
    DescribeError, DescribeOptions, Described, Inferred, describe, describe_checkpoint,
};
