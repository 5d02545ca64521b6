//! Reads and writes that the formats share.

pub(crate) mod archive;
pub(crate) mod budget;
mod byte_size;
pub(crate) mod decoded;
mod disk;
pub(crate) mod json;
pub(crate) mod partial;
pub(crate) mod position;
pub(crate) mod window;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use partial::{check_target, write_atomically};
