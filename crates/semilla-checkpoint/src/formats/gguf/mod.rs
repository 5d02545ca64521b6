//! GGUF files.

mod blocks;
mod reader;

pub use reader::Gguf;
