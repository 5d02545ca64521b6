//! Lists of shapes: JSON that names tensors with their types and shapes and has no values, enough
//! to initialize a model.
//!
//! **Who writes it.** People, and scripts that describe a model before it exists.
//!
//! **Read.** `{"tensor.name": {"dtype": "BF16", "shape": [2, 3]}, ...}`, with metadata under
//! `"__metadata__"`.
//!
//! **Refused.** Repeated names, unknown keys or types, and shapes that no file could hold.

mod computation;
mod manifest;

pub use manifest::Manifest;
