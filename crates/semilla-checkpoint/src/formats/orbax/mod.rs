//! Orbax's checkpoints: arrays of Zarr in chunks, in folders of their own or in a tree of keys and
//! values (OCDBT).
//!
//! **Who writes it.** JAX's trainers, with `orbax.checkpoint`; each process a part of each array.
//! T5X, a folder of Zarr for each array without a list of them.
//!
//! **Read.** Arrays of Zarr 2 and 3 (sharded too) that are plain or compressed with zstd, gzip,
//! zlib, LZ4 or Blosc, under the way through the tree of objects, joined by `/`. Bytes of a tensor
//! are decoded when it is first asked for.
//!
//! **Left out**, with a remark: arrays of complex numbers and of other types without a name here,
//! other compressions (Blosc with Snappy too), and numbers stored in another order than C's.
//!
//! **Refused.** Trees whose list of versions lies in files of its own.
//!
//! Source: `docs` of TensorStore's `ocdbt` driver and `tensorstore/kvstore/ocdbt/format`; the
//! specifications of Zarr 2 and 3; `orbax/checkpoint/_src/metadata`.

mod blosc;
mod blosclz;
mod bytes;
mod codec;
mod names;
mod packing;
mod reader;
mod store;
mod tree;
mod zarr;

pub(crate) use reader::Orbax;
