//! Weights that Keras keeps in HDF5, and HDF5 files of datasets in general.

mod archive;
mod attributes;
mod dtype;
mod layers;
mod legacy;
mod names;
mod reader;
mod source;
mod tree;

pub use reader::Keras;
pub(crate) use reader::has_signature;
