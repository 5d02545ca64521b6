//! Loading without a destination: what cannot be loaded is found before anything is overwritten.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use semilla::{Fill, Line, Plan, Slice};

use crate::values::health::{Health, non_finite};
use crate::values::materialize::{Looks, Sources, write_slices};
use crate::{Checkpoint, CheckpointWriter, Error, Tensors};

/// Reads and converts what slices of a plan's lines take from checkpoints, each once, and keeps
/// nothing. The slices must lie inside their tensors.
///
/// Tensors that are copied as they are have no more than their counts of elements and of what is not
/// finite in their [`Health`].
pub(crate) fn rehearse(
    plan: &Plan,
    slices: impl IntoIterator<Item = (usize, Slice)>,
    sources: Sources<'_>,
) -> Result<Vec<(String, Health)>, Error> {
    let mut all = Vec::new();
    let mut others = Vec::new();
    for (position, slice) in slices {
        let line = &plan.tensors[position];
        if line.loads().is_empty() || slice.is_empty() {
            continue;
        }
        match copied(line, &slice, sources) {
            // One after the other: what is packed is unpacked once.
            Some((source, tensor)) => all.push((line.name.clone(), scanned(source, tensor)?)),
            None => others.push((position, slice)),
        }
    }
    let (nowhere, never) = (Nowhere::default(), AtomicBool::new(false));
    let looks = Looks::AtLoaded;
    all.extend(write_slices(
        plan,
        others,
        sources,
        &nowhere,
        looks,
        &|_| {},
        &never,
    )?);
    Ok(all)
}

/// The tensor that is all of a line's slice, byte for byte.
fn copied<'a>(
    line: &Line,
    slice: &Slice,
    sources: Sources<'a>,
) -> Option<(&'a dyn Checkpoint, usize)> {
    let Fill::Load(load) = &line.fill else {
        return None;
    };
    let source = sources.pretrained.get(load.source)?;
    let tensor = source.tensors().index_of(&load.tensor)?;
    let info = &source.tensors()[tensor];
    let is_all = slice.size() == line.shape;
    let is_same = load.is_plain() && load.fits(info.shape(), &line.shape);
    (is_all && is_same && info.dtype() == line.dtype).then_some((&**source, tensor))
}

fn scanned(source: &dyn Checkpoint, tensor: usize) -> Result<Health, Error> {
    let info = &source.tensors()[tensor];
    let found = AtomicU64::new(0);
    source.scan(tensor, &|bytes| {
        found.fetch_add(non_finite(info.dtype(), bytes), Ordering::Relaxed);
    })?;
    let mut health = Health::default();
    (health.elements, health.non_finite) = (info.elements(), found.into_inner());
    Ok(health)
}

/// A writer that keeps nothing.
#[derive(Default)]
struct Nowhere(Tensors);

impl CheckpointWriter for Nowhere {
    fn tensors(&self) -> &Tensors {
        &self.0
    }

    fn write(&self, _tensor: usize, _offset: u64, _bytes: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}
