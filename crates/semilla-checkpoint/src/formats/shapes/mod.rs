//! Lists of shapes.

mod manifest;

pub use manifest::Manifest;
