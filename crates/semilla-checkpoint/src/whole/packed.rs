//! GPTQ and AWQ: integers packed into words, one row for each input.

use super::decoder::{Decoder, Elements, contradiction, doubles, floats, words};
use super::rows::Bits;
use crate::{Checkpoint, Error};

/// How words hold a matrix of a column for each output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Along the inputs, as AutoGPTQ and GPTQModel write it (Frantar et al. 2022).
    Gptq,
    /// Along the outputs, eight in a word and dealt out, as AutoAWQ writes it (Lin et al. 2023).
    Awq,
}

/// The half byte of a word that each of its outputs has: they are dealt out as 0, 2, 4, 6, 1, 3, 5,
/// 7.
const DEALT: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// A weight [outputs, inputs]: (code - zero) · scale.
pub(super) struct Packed {
    pub(super) order: Order,
    pub(super) main: usize,
    pub(super) scale: usize,
    pub(super) zeros: Option<usize>,
    /// The group of each input; by their order if there is none.
    pub(super) groups: Option<usize>,
    pub(super) bits: Bits,
    /// What was taken off stored zeros: 1 in GPTQ's first format.
    pub(super) less: u32,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) group_count: usize,
    pub(super) group_size: usize,
}

/// The outputs whose words are held at a time: a multiple of those that share words.
const STEP: usize = 32;

impl Decoder for Packed {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let inputs = self.inputs as u64;
        let count = out.len();
        let first_row = (first / inputs) as usize;
        let last_row = ((first + count as u64 - 1) / inputs) as usize;
        let start = first_row / STEP * STEP;
        let end = (last_row / STEP * STEP + STEP).min(self.outputs);
        let groups = self.groups_of(file)?;
        let tile = Tile::read(self, file, start, end)?;
        let mut values = Vec::with_capacity(count);
        let mut column = (first % inputs) as usize;
        for row in first_row..=last_row {
            let to = (column + count - values.len()).min(self.inputs);
            values.extend((column..to).map(|input| {
                let group = match &groups {
                    Some(groups) => groups[input],
                    None => input / self.group_size,
                };
                let (scale, zero) = tile.scale(row - start, group);
                (tile.code(self, row - start, input) - zero) * scale
            }));
            column = 0;
        }
        out.fill(&values);
        Ok(())
    }
}

impl Packed {
    fn groups_of(&self, file: &dyn Checkpoint) -> Result<Option<Vec<usize>>, Error> {
        let Some(part) = self.groups else {
            return Ok(None);
        };
        let mut groups: Vec<usize> = Vec::with_capacity(self.inputs);
        for group in doubles(file, part, 0, self.inputs)? {
            // A negative number counts from the end, as in Python.
            let group = match group < 0.0 {
                true => group + self.group_count as f64,
                false => group,
            };
            if !(0.0..self.group_count as f64).contains(&group) {
                return Err(contradiction(file, part, "names groups that have no scale"));
            }
            groups.push(group as usize);
        }
        Ok(Some(groups))
    }
}

/// Words, scales and zeros of neighbouring outputs.
struct Tile {
    rows: usize,
    codes: Vec<u32>,
    /// Words in a row of the codes.
    width: usize,
    /// For each group those of all outputs.
    scales: Vec<f32>,
    zeros: Vec<f32>,
}

impl Tile {
    /// Of outputs `start..end`; `start` is a multiple of [`STEP`].
    fn read(of: &Packed, file: &dyn Checkpoint, start: usize, end: usize) -> Result<Self, Error> {
        let rows = end - start;
        let all = file.tensors()[of.main].shape()[1];
        let (from, to) = match of.order {
            Order::Gptq => (start, end),
            Order::Awq => (start / 8, end.div_ceil(8)),
        };
        let width = to - from;
        let lines = file.tensors()[of.main].shape()[0];
        let mut codes = Vec::with_capacity(lines * width);
        for line in 0..lines {
            codes.extend(words(file, of.main, (line * all + from) as u64, width)?);
        }
        let mut scales = Vec::with_capacity(of.group_count * rows);
        let mut zeros = Vec::with_capacity(of.group_count * rows);
        for group in 0..of.group_count {
            let at = (group * of.outputs + start) as u64;
            scales.extend(floats(file, of.scale, at, rows)?);
            zeros.extend(of.zeros_of(file, group, start, rows)?);
        }
        Ok(Self {
            rows,
            codes,
            width,
            scales,
            zeros,
        })
    }

    fn scale(&self, row: usize, group: usize) -> (f32, f32) {
        let at = group * self.rows + row;
        (self.scales[at], self.zeros[at])
    }

    fn code(&self, of: &Packed, row: usize, input: usize) -> f32 {
        match of.order {
            Order::Gptq => {
                let word = of.bits.word(input);
                let at = |word: usize| self.codes.get(word * self.width + row).copied();
                let pair = [at(word).unwrap_or(0), at(word + 1).unwrap_or(0)];
                of.bits.code(&pair, word, input)
            }
            Order::Awq => dealt(self.codes[input * self.width + row / 8], row % 8) as f32,
        }
    }
}

impl Packed {
    /// The zeros of a group for some outputs.
    fn zeros_of(
        &self,
        file: &dyn Checkpoint,
        group: usize,
        start: usize,
        count: usize,
    ) -> Result<Vec<f32>, Error> {
        let Some(part) = self.zeros else {
            // Symmetric: in the middle.
            return Ok(vec![(1u32 << (self.bits.bits - 1)) as f32; count]);
        };
        let width = file.tensors()[part].shape()[1];
        let line = group * width;
        match self.order {
            Order::Awq => {
                let words = words(file, part, (line + start / 8) as u64, count.div_ceil(8))?;
                Ok((0..count)
                    .map(|output| dealt(words[output / 8], output % 8) as f32)
                    .collect())
            }
            Order::Gptq => {
                let span = self.bits.span(start, start + count - 1, width);
                let from = span.start;
                let words = words(file, part, (line + from) as u64, span.len())?;
                let mask = (1u32 << self.bits.bits) - 1;
                Ok((start..start + count)
                    .map(|output| {
                        let stored = self.bits.code(&words, from, output) as u32;
                        (stored.wrapping_add(self.less) & mask) as f32
                    })
                    .collect())
            }
        }
    }
}

/// The half byte of a word that is of this output.
fn dealt(word: u32, output: usize) -> u32 {
    word >> (4 * DEALT[output]) & 15
}
