//! Safetensors, the format that Semilla writes: the length of a header, the header as JSON (names,
//! element types, shapes, where the data are), then the data. Little-endian, row-major.
//!
//! **Who writes it.** Hugging Face's libraries, and by now most others for PyTorch and JAX.
//!
//! **Read.** One file, or shards that `model.safetensors.index.json` lists. Values are read in
//! place, never the whole file.
//!
//! **Written.** The same, byte for byte as the reference implementation lays out a file, under a
//! temporary name until every byte is on the disk.
//!
//! **Refused.** Data with holes, overlaps or bytes to spare, repeated or unknown keys, control
//! characters in names, and element types of less than a byte, of exponents alone or of complex
//! numbers.

mod arrangement;
mod header;
mod reader;
mod writer;
mod written;

pub use header::Header;
pub use reader::Safetensors;
pub use writer::SafetensorsWriter;
