//! Opening the file or folder at a path: the content decides, never the file's extension.

#[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
mod archive;
mod file;
mod folder;
mod foreign;
mod json;
mod noted;
mod part;
mod recognize;
mod shards;
mod slices;
mod steps;
#[cfg(feature = "compressed")]
mod unpack;

pub use file::{open, open_with};
