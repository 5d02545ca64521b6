//! Norms of a stored tensor, for models that store direction and length.

use super::decoder::{Decoder, Elements};
use super::reparametrized::Norms;
use crate::{Checkpoint, Error};

/// Gives the norms of a tensor as a tensor.
pub(super) struct NormsOf {
    pub(super) tensor: usize,
    pub(super) norms: Norms,
}

impl Decoder for NormsOf {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let norms = self.norms.of(file, self.tensor)?;
        let first = first as usize;
        let count = out.len();
        out.fill_wide(&norms[first..first + count]);
        Ok(())
    }
}
