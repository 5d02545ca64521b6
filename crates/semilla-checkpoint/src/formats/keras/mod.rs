//! Weights that Keras keeps in HDF5, and HDF5 files of datasets in general.
//!
//! **Who writes it.** Keras 2 (`.h5`, `.hdf5`), Keras 3 (`.weights.h5`, its shards with
//! `.weights.json`, and `.keras`, a zip archive with `model.weights.h5` in it), and h5py.
//!
//! **Read.** The weights under Keras's names, with the axes that their layers' classes tell. A
//! `.keras` archive's description of the model is not looked at: it can name code.
//!
//! **Refused.** Whatever leads out of the file (external links, external storage, virtual
//! datasets), two links to one group, compound and text elements, and chunks that unpack beyond the
//! limits.

mod archive;
mod attributes;
mod dtype;
mod layers;
mod legacy;
mod names;
mod problem;
mod reader;
mod selection;
mod shard;
mod source;
mod tree;

pub use reader::Keras;
