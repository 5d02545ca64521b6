//! Four bits of bitsandbytes (Dettmers et al., *QLoRA*, 2023): places in a table of 16 values,
//! times the largest absolute value of their block.

use semilla::DType;
use serde::Deserialize;

use super::decoder::{Decoder, Elements, floats, raw};
use crate::{Checkpoint, Error};

/// What `quant_state.bitsandbytes__nf4` says, as JSON.
#[derive(Deserialize)]
pub(super) struct State {
    pub(super) quant_type: String,
    pub(super) blocksize: usize,
    dtype: String,
    pub(super) shape: Vec<usize>,
    nested_blocksize: Option<usize>,
    nested_offset: Option<f32>,
}

impl State {
    /// The most bytes that it may have.
    pub(super) const MOST: u64 = 1 << 12;

    pub(super) fn dtype(&self) -> Option<DType> {
        self.dtype
            .parse()
            .ok()
            .filter(|dtype: &DType| dtype.is_float())
    }

    pub(super) fn nested(&self, scales: usize, table: usize) -> Option<Nested> {
        Some(Nested {
            scales,
            table,
            block: self.nested_blocksize.filter(|&size| size > 0)?,
            offset: self.nested_offset?,
        })
    }
}

/// Scales that are places in a table themselves.
pub(super) struct Nested {
    scales: usize,
    table: usize,
    pub(super) block: usize,
    offset: f32,
}

pub(super) struct Bitsandbytes4 {
    pub(super) main: usize,
    pub(super) scale: usize,
    pub(super) table: usize,
    pub(super) block: usize,
    pub(super) nested: Option<Nested>,
}

impl Decoder for Bitsandbytes4 {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let last = first + out.len() as u64 - 1;
        let table = floats(file, self.table, 0, 16)?;
        let codes = raw(
            file,
            self.main,
            first / 2,
            (last / 2 - first / 2 + 1) as usize,
        )?;
        let block = self.block as u64;
        let scales = self.scales(file, first / block, last / block)?;
        let values = (first..=last).map(|element| {
            let byte = codes[(element / 2 - first / 2) as usize];
            // The first of two is in the upper half.
            let place = if element % 2 == 0 {
                byte >> 4
            } else {
                byte & 15
            };
            table[usize::from(place)] * scales[(element / block - first / block) as usize]
        });
        out.fill(&values.collect::<Vec<f32>>());
        Ok(())
    }
}

impl Bitsandbytes4 {
    /// The scales of blocks `first..=last`.
    fn scales(&self, file: &dyn Checkpoint, first: u64, last: u64) -> Result<Vec<f32>, Error> {
        let count = (last - first + 1) as usize;
        let Some(nested) = &self.nested else {
            return floats(file, self.scale, first, count);
        };
        let places = raw(file, self.scale, first, count)?;
        let table = floats(file, nested.table, 0, 256)?;
        let block = nested.block as u64;
        let of_blocks = (last / block - first / block + 1) as usize;
        let scales = floats(file, nested.scales, first / block, of_blocks)?;
        let each = (first..).zip(places).map(|(scale, place)| {
            let of_block = scales[(scale / block - first / block) as usize];
            table[usize::from(place)] * of_block + nested.offset
        });
        Ok(each.collect())
    }
}
