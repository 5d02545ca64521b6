//! Safetensors: one file, or shards with an index.

mod coverage;
mod header;
mod reader;
mod writer;

pub use header::Header;
pub use reader::Safetensors;
pub use writer::SafetensorsWriter;
