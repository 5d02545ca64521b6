//! Safetensors: one file, or shards with an index.

mod coverage;
pub(crate) mod header;
pub(crate) mod index;
pub(crate) mod reader;
mod writer;

pub use header::Header;
pub use index::{Index, Placement};
pub use reader::Safetensors;
pub use writer::SafetensorsWriter;
