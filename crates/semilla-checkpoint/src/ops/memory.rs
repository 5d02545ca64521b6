//! Tensors of a plan in memory.

use std::path::PathBuf;
use std::sync::Mutex;

use semilla::{Plan, Slice, SliceError};

use super::findings::{NotFinite, check_finite};
use super::watch::Watch;
use crate::values::{self, Looks};
use crate::{CheckpointWriter, Error, Malformed, Sources, TensorInfo, Tensors};

/// Why a tensor was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The plan has no such tensor.
    #[error("the plan has no tensor {0:?}")]
    Unknown(String),
    /// The box does not lie inside the tensor.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// The tensor cannot be listed.
    #[error("the plan does not make a tensor")]
    Tensor(#[from] Malformed),
    /// Values cannot be made or read.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// Loaded values are NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// The tensor does not fit in memory.
    #[error("tensor {name:?} has {bytes} bytes, more than there is memory; take it in slices")]
    TooLarge {
        /// The tensor.
        name: String,
        /// Its size.
        bytes: u64,
    },
}

/// Writes one box each of some of a plan's tensors, given by their places in the plan, to the
/// tensors of a writer, in order: such as the parts of a sharded model that a process holds.
///
/// # Errors
/// A box that does not lie inside its tensor, values that cannot be made or read, or loaded values
/// that are NaN or infinite.
pub fn write_slices(
    plan: &Plan,
    sources: Sources<'_>,
    slices: impl IntoIterator<Item = (usize, Slice)>,
    writer: &dyn CheckpointWriter,
    watch: Watch<'_>,
) -> Result<(), MemoryError> {
    write(plan, sources, slices, writer, Looks::AtLoaded, watch)
}

/// As [`write_slices`], of boxes that [`rehearse`] found no fault with: values that are copied as
/// they are nobody looks at again.
///
/// # Errors
/// As [`write_slices`].
pub fn write_rehearsed(
    plan: &Plan,
    sources: Sources<'_>,
    slices: impl IntoIterator<Item = (usize, Slice)>,
    writer: &dyn CheckpointWriter,
    watch: Watch<'_>,
) -> Result<(), MemoryError> {
    write(plan, sources, slices, writer, Looks::Away, watch)
}

fn write(
    plan: &Plan,
    sources: Sources<'_>,
    slices: impl IntoIterator<Item = (usize, Slice)>,
    writer: &dyn CheckpointWriter,
    looks: Looks,
    watch: Watch<'_>,
) -> Result<(), MemoryError> {
    let slices = checked(plan, slices)?;
    let Watch { progress, stop } = watch;
    let health = values::write_slices(plan, slices, sources, writer, looks, progress, stop)?;
    check_finite(&health)?;
    Ok(())
}

/// Loads boxes of a plan's tensors without a destination: everything that they take from
/// checkpoints is read once, compared with the file's checksums and converted where it is to be, so
/// that what cannot be loaded is found before anything is overwritten.
///
/// # Errors
/// As [`write_slices`].
pub fn rehearse(
    plan: &Plan,
    sources: Sources<'_>,
    slices: impl IntoIterator<Item = (usize, Slice)>,
) -> Result<(), MemoryError> {
    let slices = checked(plan, slices)?;
    check_finite(&values::rehearse(plan, slices, sources)?)?;
    Ok(())
}

/// Slices that lie inside tensors of the plan.
fn checked(
    plan: &Plan,
    slices: impl IntoIterator<Item = (usize, Slice)>,
) -> Result<Vec<(usize, Slice)>, MemoryError> {
    let check = |(place, slice): (usize, Slice)| {
        let line = plan.tensors.get(place);
        let line = line.ok_or_else(|| MemoryError::Unknown(format!("number {place}")))?;
        slice.check(&line.shape)?;
        Ok((place, slice))
    };
    slices.into_iter().map(check).collect()
}

/// A tensor, or one box of it, as little-endian bytes.
pub(super) fn tensor(
    plan: &Plan,
    sources: Sources<'_>,
    name: &str,
    slice: Option<&Slice>,
) -> Result<Vec<u8>, MemoryError> {
    let place = plan.tensors.iter().position(|line| line.name == name);
    let place = place.ok_or_else(|| MemoryError::Unknown(name.to_owned()))?;
    let line = &plan.tensors[place];
    let slice = slice.cloned().unwrap_or_else(|| Slice::whole(&line.shape));
    slice.check(&line.shape)?;
    let info = TensorInfo::new(name, line.dtype, slice.size()).map_err(Malformed::from)?;
    let writer = Memory::new(info).map_err(|bytes| MemoryError::TooLarge {
        name: name.to_owned(),
        bytes,
    })?;
    let slices = [(place, slice)];
    write_slices(plan, sources, slices, &writer, Watch::default())?;
    Ok(writer.bytes.into_inner().unwrap_or_else(|e| e.into_inner()))
}

/// One tensor that is written into memory.
struct Memory {
    tensors: Tensors,
    bytes: Mutex<Vec<u8>>,
}

impl Memory {
    /// Allocates memory for the tensor; its size if that fails.
    fn new(info: TensorInfo) -> Result<Self, u64> {
        let size = info.bytes();
        let mut bytes = Vec::new();
        let len = usize::try_from(size).map_err(|_| size)?;
        bytes.try_reserve_exact(len).map_err(|_| size)?;
        bytes.resize(len, 0);
        Ok(Self {
            tensors: Tensors::new(vec![info]).map_err(|_| size)?,
            bytes: Mutex::new(bytes),
        })
    }
}

impl CheckpointWriter for Memory {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn write(&self, tensor: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let info = &self.tensors[tensor];
        let mut all = self.bytes.lock().unwrap_or_else(|e| e.into_inner());
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let into = start
            .checked_add(bytes.len())
            .and_then(|end| all.get_mut(start..end));
        let into = into.ok_or_else(|| Error::OutOfRange {
            tensor: crate::Quoted::new(info.name()),
            offset,
            len: bytes.len(),
            size: info.bytes(),
        })?;
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}
