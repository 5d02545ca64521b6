//! The traits that every reader and every writer implements.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use semilla::model::Facts;
use semilla::{Graph, Initializer, Layout};

use crate::error::Error;
use crate::format::Format;
use crate::io::pieces::{buffer, pieces};
use crate::io::range::check_range;
use crate::remark::Remark;
use crate::tensors::Tensors;

/// Free text that a file carries beside its tensors.
pub type Metadata = BTreeMap<String, String>;

/// Tensors that can be listed, and read where the source has their values.
pub trait Checkpoint: Send + Sync {
    /// The tensors, in an order that depends on the content alone. Methods name a tensor by its
    /// position in this list.
    fn tensors(&self) -> &Tensors;

    /// The free text beside the tensors. Of several files: what all of them agree on.
    fn metadata(&self) -> &Metadata;

    /// The format that the tensors are stored in.
    fn format(&self) -> Format;

    /// Findings about the file that its tensors do not show.
    fn remarks(&self) -> &[Remark] {
        &[]
    }

    /// The axes of a tensor, where the file itself tells (in ONNX, the node that takes the tensor).
    fn layout(&self, tensor: usize) -> Option<&Layout> {
        let _ = tensor;
        None
    }

    /// More that the file states of a tensor than its axes (a list of shapes that a live model
    /// wrote).
    fn facts(&self, tensor: usize) -> Option<&Facts> {
        let _ = tensor;
        None
    }

    /// The initial values that the library of a live model gives to a tensor, where the list of shapes
    /// that the model wrote states them.
    fn start(&self, tensor: usize) -> Option<&Initializer> {
        let _ = tensor;
        None
    }

    /// How a tensor that the file holds in parts was put together, in words; `None` for a tensor
    /// that is stored as it is (see [`whole`](crate::whole)).
    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        let _ = tensor;
        None
    }

    /// Keys of the file below which state dictionaries lie, whose own names follow the key and a dot
    /// (PyTorch).
    fn dictionaries(&self) -> &[String] {
        &[]
    }

    /// The model's computation, where the file has it (ONNX).
    fn graph(&self) -> Option<&Graph> {
        None
    }

    /// The file that holds a tensor, or the first part of it; `None` beyond the list.
    fn file(&self, tensor: usize) -> Option<&Path>;

    /// All files that hold parts of a tensor: more than one where processes saved a slice each.
    fn files(&self, tensor: usize) -> Vec<&Path> {
        self.file(tensor).into_iter().collect()
    }

    /// Fills `into` with the bytes of a tensor that start at `offset`, little-endian, row-major.
    ///
    /// # Errors
    /// The range leaves the tensor, the source has shapes only, or the file cannot be read.
    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error>;

    /// Hands all bytes of a tensor to `look` once, as [`read`](Self::read) gives them: in pieces of
    /// whole elements, in any order, on all threads of the current rayon pool. What the file says
    /// against damage is compared on the way.
    ///
    /// # Errors
    /// As [`read`](Self::read). Bytes may have been handed over before that is known.
    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        scan_read(self, tensor, look)
    }
}

/// [`Checkpoint::scan`] by [`Checkpoint::read`].
pub(crate) fn scan_read<C: Checkpoint + ?Sized>(
    checkpoint: &C,
    tensor: usize,
    look: &(dyn Fn(&[u8]) + Sync),
) -> Result<(), Error> {
    let info = check_range(checkpoint.tensors(), tensor, 0, 0)?;
    let bytes = info.bytes();
    let pieces: Vec<_> = pieces(bytes).collect();
    let one = |buffer: &mut Vec<u8>, piece: Range<u64>| {
        let into = &mut buffer[..(piece.end - piece.start) as usize];
        checkpoint.read(tensor, piece.start, into)?;
        look(into);
        Ok(())
    };
    let scanned = pieces.into_par_iter().map_init(|| buffer(bytes), one);
    scanned.collect()
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

    /// Lets `make` fill `len` bytes of a tensor from `offset` on in place, instead of
    /// [`write`](Self::write), which copies them. `None` where the writer does not hold them in
    /// memory, in one piece and aligned to the elements.
    fn make(
        &self,
        tensor: usize,
        offset: u64,
        len: usize,
        make: &mut dyn FnMut(&mut [u8]) -> Result<(), Error>,
    ) -> Option<Result<(), Error>> {
        let _ = (tensor, offset, len, make);
        None
    }

    /// Brings all to the disk, gives the files their final names, and returns those. A writer that
    /// is dropped instead leaves nothing behind.
    ///
    /// # Errors
    /// Bytes are missing, or the disk is full or fails.
    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error>;
}
