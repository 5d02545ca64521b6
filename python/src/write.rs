//! Tensors of a plan, written into memory that Python holds.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use semilla::{Plan, Slice};
use semilla_checkpoint::ops::{MemoryError, Watch, write_rehearsed, write_slices};
use semilla_checkpoint::{Malformed, Sources};

use crate::errors::raised;
use crate::memory::{Destination, Memories, MemoryMistake};
use crate::threads;

/// Why a plan's tensors were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteMistake {
    #[error("{name:?} is {is} in the plan, its memory holds {held}")]
    Other {
        name: String,
        is: String,
        held: String,
    },
    #[error(transparent)]
    Memory(#[from] MemoryMistake),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Values(#[from] MemoryError),
}

impl From<WriteMistake> for PyErr {
    fn from(mistake: WriteMistake) -> Self {
        match mistake {
            WriteMistake::Memory(mistake) => mistake.into(),
            WriteMistake::Values(error) => raised(error),
            other => PyValueError::new_err(other.to_string()),
        }
    }
}

/// Writes tensors, each given by its place in the plan, or the parts of them that this process
/// holds: on all threads, values directly into place. Loaded ones are looked at, unless that was done
/// by a rehearsal. Call it without the GIL.
///
/// # Safety
/// As [`Destination::pieces`].
pub(crate) unsafe fn write(
    plan: &Plan,
    sources: Sources<'_>,
    destinations: &[(usize, Destination)],
    rehearsed: bool,
) -> Result<(), WriteMistake> {
    let mut slices: Vec<(usize, Slice)> = Vec::new();
    let mut pieces = Vec::new();
    for (place, destination) in destinations {
        check(plan, *place, destination)?;
        // SAFETY: by contract.
        for piece in unsafe { destination.pieces()? } {
            slices.push((*place, piece.slice.clone()));
            pieces.push(piece);
        }
    }
    let memories = Memories::new(pieces)?;
    let watch = Watch::default();
    threads::on_all(|| match rehearsed {
        true => write_rehearsed(plan, sources, slices, &memories, watch),
        false => write_slices(plan, sources, slices, &memories, watch),
    })?;
    Ok(())
}

fn check(plan: &Plan, place: usize, destination: &Destination) -> Result<(), WriteMistake> {
    let Some(line) = plan.tensors.get(place) else {
        return Err(MemoryError::Unknown(format!("number {place}")).into());
    };
    let held = (destination.dtype(), destination.whole());
    match held == (line.dtype, &line.shape[..]) {
        true => Ok(()),
        false => Err(WriteMistake::Other {
            name: line.name.clone(),
            is: format!("{} {:?}", line.dtype, line.shape),
            held: format!("{} {:?}", held.0, held.1),
        }),
    }
}
