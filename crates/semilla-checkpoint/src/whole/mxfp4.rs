//! MXFP4 as gpt-oss stores its experts: [experts, outputs, groups, 16] bytes and an exponent for
//! each group of 32; the weight is [experts, inputs, outputs] (transformers,
//! `convert_moe_packed_tensors`).

use super::decoder::{Decoder, Elements, raw};
use super::rows::FOURS;
use crate::{Checkpoint, Error};

pub(super) struct Mxfp4 {
    pub(super) main: usize,
    pub(super) scale: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
}

/// Elements of a group.
pub(super) const GROUP: usize = 32;

impl Decoder for Mxfp4 {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let (inputs, outputs) = (self.groups * GROUP, self.outputs);
        let mut values = Vec::with_capacity(out.len());
        let end = first + out.len() as u64;
        let mut at = first;
        while at < end {
            // The inputs of one expert that are wanted: all outputs of each, but for the ends.
            let line = at / outputs as u64;
            let expert = (line / inputs as u64) as usize;
            let of_expert = (expert as u64 + 1) * (inputs * outputs) as u64;
            let to = end.min(of_expert);
            let from_input = (line % inputs as u64) as usize;
            let to_input = ((to - 1) / outputs as u64 % inputs as u64) as usize;
            let tile = self.tile(file, expert, from_input, to_input)?;
            let rows = to_input - from_input + 1;
            let skip = (at % outputs as u64) as usize;
            let wanted = (to - at) as usize;
            let places = (skip..skip + wanted).map(|place| (place / outputs, place % outputs));
            values.extend(places.map(|(input, output)| tile[output * rows + input]));
            at = to;
        }
        out.fill(&values);
        Ok(())
    }
}

impl Mxfp4 {
    /// The elements of inputs `from..=to` of an expert, those of an output together.
    fn tile(
        &self,
        file: &dyn Checkpoint,
        expert: usize,
        from: usize,
        to: usize,
    ) -> Result<Vec<f32>, Error> {
        let (first, last) = (from / GROUP, to / GROUP);
        let groups = last - first + 1;
        let mut tile = Vec::with_capacity(self.outputs * (to - from + 1));
        for output in 0..self.outputs {
            let group = ((expert * self.outputs + output) * self.groups + first) as u64;
            let codes = raw(file, self.main, group * 16, groups * 16)?;
            let exponents = raw(file, self.scale, group, groups)?;
            tile.extend((from..=to).map(|input| {
                let at = input - first * GROUP;
                let code = codes[at / 2] >> (4 * (at % 2)) & 15;
                FOURS[usize::from(code)] * power(exponents[at / GROUP])
            }));
        }
        Ok(tile)
    }
}

/// Two to the power of an exponent that is stored with 127 added.
fn power(stored: u8) -> f32 {
    match stored {
        0 => f32::from_bits(1 << 22),
        stored => f32::from_bits(u32::from(stored) << 23),
    }
}
