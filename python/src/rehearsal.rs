//! Loading without a destination: what cannot be loaded is found before anything is overwritten.

use std::path::PathBuf;

use semilla::{Plan, Slice};
use semilla_checkpoint::ops::{MemoryError, Watch, write_slices};
use semilla_checkpoint::{CheckpointWriter, Error, Malformed, Sources, TensorInfo, Tensors};

use crate::threads;

/// Reads and converts everything that a plan's lines take from checkpoints.
pub(crate) fn rehearse(plan: &Plan, sources: Sources<'_>) -> Result<(), MemoryError> {
    let mut infos = Vec::new();
    let mut slices = Vec::new();
    for (place, line) in plan.tensors.iter().enumerate() {
        if !line.loads().is_empty() {
            let info = TensorInfo::new(&line.name, line.dtype, line.shape.clone());
            infos.push(info.map_err(Malformed::from)?);
            slices.push((place, Slice::whole(&line.shape)));
        }
    }
    let nowhere = Nowhere {
        tensors: Tensors::new(infos)?,
    };
    threads::on_all(|| write_slices(plan, sources, slices, &nowhere, Watch::default()))
}

/// A writer that keeps nothing.
struct Nowhere {
    tensors: Tensors,
}

impl CheckpointWriter for Nowhere {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn write(&self, _tensor: usize, _offset: u64, _bytes: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}
