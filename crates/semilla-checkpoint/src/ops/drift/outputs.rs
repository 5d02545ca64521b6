//! The difference, written or added to another start.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use semilla::DType;

use super::error::DriftError;
use crate::ops::inputs::Inputs;
use crate::ops::pieces::pieces;
use crate::ops::watch::Watch;
use crate::{
    Checkpoint, CheckpointWriter, Error, Malformed, Metadata, SafetensorsWriter, TensorInfo,
    Tensors,
};

/// The difference added to another start.
pub struct Applied<'a> {
    /// The other start.
    pub onto: &'a dyn Checkpoint,
    /// By how much the difference is multiplied.
    pub scale: f64,
    /// The file to write.
    pub path: PathBuf,
}

/// A file that gets what training did.
pub(super) struct Output<'a> {
    writer: SafetensorsWriter,
    /// What the difference is added to, and by how much it is multiplied.
    onto: Option<(&'a dyn Checkpoint, f64)>,
}

impl<'a> Output<'a> {
    /// The difference alone, of tensors of these names and shapes: f64 where the trained ones are,
    /// f32 elsewhere.
    pub(super) fn difference(
        path: &Path,
        tensors: &[&TensorInfo],
        inputs: &Inputs,
    ) -> Result<Self, DriftError> {
        let own = tensors.iter().map(|info| {
            let dtype = match info.dtype() {
                DType::F64 => DType::F64,
                _ => DType::F32,
            };
            TensorInfo::new(info.name(), dtype, info.shape())
        });
        let own: Result<Vec<TensorInfo>, _> = own.collect();
        let own = Tensors::new(own.map_err(Malformed::from)?)?;
        let writer = created(path, own, "difference", inputs)?;
        Ok(Self { writer, onto: None })
    }

    /// The difference of these tensors, added to another start. What it has beside them is copied.
    pub(super) fn applied(
        applied: &Applied<'a>,
        tensors: &[&TensorInfo],
        inputs: &Inputs,
        watch: Watch<'_>,
    ) -> Result<Self, DriftError> {
        let onto = applied.onto;
        for info in tensors {
            let place = onto.tensors().index_of(info.name());
            let found = place.map(|place| onto.tensors()[place].shape());
            if let Some(found) = found.filter(|&found| found != info.shape()) {
                return Err(DriftError::Shape {
                    name: info.name().to_owned(),
                    expected: info.shape().to_vec(),
                    found: found.to_vec(),
                });
            }
        }
        let all: Vec<TensorInfo> = onto.tensors().iter().cloned().collect();
        let writer = created(&applied.path, Tensors::new(all)?, "applied", inputs)?;
        let changed: HashSet<&str> = tensors.iter().map(|info| info.name()).collect();
        for (place, info) in onto.tensors().iter().enumerate() {
            if !changed.contains(info.name()) || !info.dtype().is_float() {
                pieces((onto, place), watch.stop, |offset, bytes| {
                    writer.write(place, offset, bytes)
                })?;
            }
        }
        let onto = Some((onto, applied.scale));
        Ok(Self { writer, onto })
    }

    /// Writes the difference of a tensor's elements, from the `first` on.
    pub(super) fn write(&self, name: &str, first: u64, difference: &[f64]) -> Result<(), Error> {
        let Some(place) = self.writer.tensors().index_of(name) else {
            return Ok(());
        };
        let dtype = self.writer.tensors()[place].dtype();
        let offset = first * dtype.size() as u64;
        let values = match self.onto {
            None => difference.to_vec(),
            Some((onto, scale)) => {
                let mut bytes = vec![0; difference.len() * dtype.size()];
                onto.read(place, offset, &mut bytes)?;
                let mut values = Vec::new();
                dtype.decode(&bytes, &mut values);
                let pairs = values.iter_mut().zip(difference);
                pairs.for_each(|(value, difference)| *value += scale * difference);
                values
            }
        };
        // Whole numbers were copied already.
        match dtype.encode(&values) {
            Some(bytes) => self.writer.write(place, offset, &bytes),
            None => Ok(()),
        }
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>, Error> {
        Box::new(self.writer).finish()
    }
}

fn created(
    path: &Path,
    tensors: Tensors,
    what: &str,
    inputs: &Inputs,
) -> Result<SafetensorsWriter, DriftError> {
    inputs.check(path)?;
    let metadata = Metadata::from([
        ("format".to_owned(), "pt".to_owned()),
        ("semilla.drift".to_owned(), what.to_owned()),
    ]);
    Ok(SafetensorsWriter::create(path, tensors, metadata, None)?)
}
