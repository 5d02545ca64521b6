//! Elements of a checkpoint on their way into a tensor: read, put in order, converted, and looked
//! at.

use semilla::{DType, Load, Slice};

use crate::values::convert::{floats, integers};
use crate::values::health::{Health, look};
use crate::{Checkpoint, Error, Quoted, TensorInfo};

/// A tensor of a checkpoint that a load takes from.
pub(crate) struct Origin<'a> {
    pub(crate) source: &'a dyn Checkpoint,
    pub(crate) tensor: usize,
    pub(crate) load: &'a Load,
}

impl Origin<'_> {
    pub(crate) fn info(&self) -> &TensorInfo {
        &self.source.tensors()[self.tensor]
    }

    /// Converts elements `first..` of a part of the target in their stored order, for a load that
    /// moves none.
    pub(crate) fn copy(
        &self,
        part: &Slice,
        shape: &[usize],
        first: u64,
        dtype: DType,
        out: &mut [u8],
    ) -> Result<Health, Error> {
        let from = self.info().dtype();
        let (size, new) = (from.size() as u64, dtype.size());
        let mut health = Health::default();
        let mut at = 0;
        let mut held = Vec::new();
        for (start, len) in part.runs(shape, first, (out.len() / new) as u64) {
            let end = at + len as usize * new;
            let out = &mut out[at..end];
            if from == dtype {
                self.source.read(self.tensor, start * size, out)?;
                health = health.and(look(from, out));
            } else {
                held.resize((len * size) as usize, 0);
                self.source.read(self.tensor, start * size, &mut held)?;
                health = health.and(self.convert(&held, dtype, out)?);
            }
            at = end;
        }
        Ok(health)
    }

    /// As [`copy`](Self::copy), for elements of the target's type that nobody looks at.
    pub(crate) fn read(
        &self,
        part: &Slice,
        shape: &[usize],
        first: u64,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let size = self.info().dtype().size();
        let mut rest = out;
        for (start, len) in part.runs(shape, first, (rest.len() / size) as u64) {
            let (run, others) = rest.split_at_mut(len as usize * size);
            self.source.read(self.tensor, start * size as u64, run)?;
            rest = others;
        }
        Ok(())
    }

    /// Converts elements, each rounded once to nearest.
    pub(crate) fn convert(
        &self,
        bytes: &[u8],
        dtype: DType,
        out: &mut [u8],
    ) -> Result<Health, Error> {
        let from = self.info().dtype();
        if from == dtype {
            out.copy_from_slice(bytes);
            return Ok(look(from, bytes));
        }
        if from.is_float() && dtype.is_float() {
            return Ok(floats(from, bytes, dtype, out));
        }
        integers(from, bytes, dtype, out).ok_or_else(|| Error::Integers {
            tensor: Quoted::new(self.info().name()),
            from,
            to: dtype,
        })
    }
}
