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

mod error;
mod format;
mod formats;
mod io;
mod open;
pub mod ops;
mod remark;
mod tensor;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semilla::Layout;

pub use error::{Error, InvalidTensor, Malformed, Quoted, TensorFault};
pub use format::Format;
pub use formats::gguf::Gguf;
pub use formats::keras::Keras;
pub use formats::onnx::Onnx;
pub use formats::safetensors::{Header, Index, Placement, Safetensors, SafetensorsWriter};
pub use formats::shapes::Manifest;
pub use io::{ByteSize, InvalidByteSize, check_target, write_atomically};
pub use open::{Limits, open, open_with};
pub use remark::Remark;
pub use tensor::{TensorInfo, Tensors};
pub use values::{Health, InvalidRank, Rank, Sources, materialize, tensors_of};

/// Free text that a file carries beside its tensors.
pub type Metadata = BTreeMap<String, String>;

/// Tensors that can be listed, and read where the source has their values.
pub trait Checkpoint: Send + Sync {
    /// The tensors, in an order that depends on the content alone. Methods name a tensor by its
    /// position in this list.
    fn tensors(&self) -> &Tensors;

    /// The free text beside the tensors. Of several files: what all of them agree on.
    fn metadata(&self) -> &Metadata;

    /// What the tensors are stored as.
    fn format(&self) -> Format;

    /// What was noticed about the file that its tensors do not show.
    fn remarks(&self) -> &[Remark] {
        &[]
    }

    /// What a tensor's axes are, where the file itself tells (in ONNX, the node that takes the tensor).
    fn layout(&self, tensor: usize) -> Option<&Layout> {
        let _ = tensor;
        None
    }

    /// The file that holds a tensor; `None` beyond the list.
    fn file(&self, tensor: usize) -> Option<&Path>;

    /// Fills `into` with the bytes of a tensor that start at `offset`, little-endian, row-major.
    ///
    /// # Errors
    /// The range leaves the tensor, the source has shapes only, or the file cannot be read.
    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error>;
}

/// Receives the bytes of tensors that were declared when it was made.
pub trait CheckpointWriter: Send + Sync {
    /// The tensors, in the order in which they were declared. Methods name a tensor by its
    /// position in this list.
    fn tensors(&self) -> &Tensors;

    /// Writes bytes of a tensor, little-endian, row-major, starting at `offset`. Every byte must
    /// be written once: in any order, in pieces of any size, from any thread.
    ///
    /// # Errors
    /// The range leaves the tensor or was written before, or the disk is full or fails.
    fn write(&self, tensor: usize, offset: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Brings all to the disk, gives the files their final names, and returns those. A writer that
    /// is dropped instead leaves nothing behind.
    ///
    /// # Errors
    /// Bytes are missing, or the disk is full or fails.
    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error>;
}
