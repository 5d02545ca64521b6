//! Weights on disk: bounded, lazy readers and atomic writers.
//!
//! [`open`] finds out what a path holds from its content and gives a [`Checkpoint`]: the list of
//! tensors, and their bytes on demand, from any thread. [`SafetensorsWriter`] takes the complete
//! list of tensors first, then their bytes in any order from any thread, and gives the files their
//! final names only when every byte is on the disk.
//!
//! Written is safetensors, as one file or in shards with an index. Read are the same, files of
//! PyTorch, NumPy, Keras (HDF5), ONNX and GGUF, and a JSON list of shapes. Other formats join by
//! implementing [`Checkpoint`] and [`CheckpointWriter`].
//!
//! Whatever the input, a mistake is an [`Error`], never a panic, and memory is bounded by
//! [`Limits`] before it is allocated.
//!
//! ```
//! use semilla::DType;
//! use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors, open};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("weights.safetensors");
//! let tensors = Tensors::new(vec![TensorInfo::new("fc.bias", DType::F32, [2])?])?;
//! let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None)?;
//! writer.write(0, 0, &[0; 8])?;
//! writer.finish()?;
//!
//! let checkpoint = open(&path)?;
//! let bias = checkpoint.tensors().index_of("fc.bias").unwrap();
//! let mut bytes = [1; 8];
//! checkpoint.read(bias, 0, &mut bytes)?;
//! assert_eq!(bytes, [0; 8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod error;
mod format;
mod formats;
// Formats that are left out leave some of this unused.
#[cfg_attr(
    not(all(
        feature = "torch",
        feature = "numpy",
        feature = "keras",
        feature = "onnx"
    )),
    allow(dead_code)
)]
mod io;
mod looks_like;
mod malformed;
mod open;
pub mod ops;
mod quoted;
mod remark;
mod tensor;
mod tensors;
mod values;

pub use checkpoint::{Checkpoint, CheckpointWriter, Metadata};
pub use error::Error;
pub use format::Format;
#[cfg(feature = "gguf")]
pub use formats::gguf::Gguf;
#[cfg(feature = "keras")]
pub use formats::keras::Keras;
#[cfg(feature = "onnx")]
pub use formats::onnx::Onnx;
pub use formats::safetensors::{Header, Safetensors, SafetensorsWriter};
pub use formats::shapes::Manifest;
pub use io::{ByteSize, Index, InvalidByteSize, Limits, Placement, check_target, write_atomically};
pub use looks_like::LooksLike;
pub use malformed::Malformed;
pub use open::{open, open_with};
pub use quoted::Quoted;
pub use remark::Remark;
pub use tensor::{InvalidTensor, TensorFault, TensorInfo};
pub use tensors::Tensors;
pub use values::{Health, InvalidShare, Share, Sources, materialize, tensors_of};
