//! Flax's files: dictionaries of arrays in MessagePack.
//!
//! **Who writes it.** `flax.serialization.to_bytes` and `msgpack_serialize`, and with them
//! transformers (`flax_model.msgpack`).
//!
//! **Read.** Arrays below keys, under the way there, joined by `/`; arrays in chunks as one. Bytes
//! are read where they lie.
//!
//! **Left out**, with a remark: arrays of complex numbers and of other types without a name here.
//! Plain numbers and texts are no weights.

mod parser;
mod reader;

pub(crate) use reader::Flax;
