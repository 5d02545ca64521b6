//! Safetensors: one file, or shards with an index.

mod header;
mod reader;
mod writer;
mod written;

pub use header::Header;
pub use reader::Safetensors;
pub use writer::SafetensorsWriter;
