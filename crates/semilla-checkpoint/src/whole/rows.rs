//! Weights whose rows are codes, each times a scale that is shared by a block or a group.

use std::marker::PhantomData;
use std::ops::Range;

use super::decoder::{Decoder, Elements, contradiction, floats, raw, words};
use super::grid::{Grid, GridRows};
use crate::values::{BLOCK, Job, Stored, e4m3, e5m2, widest, with_float};
use crate::{Checkpoint, Error};

/// How a row's codes are stored.
pub(super) enum Codes {
    /// A byte each.
    Bytes(Byte),
    /// Two four-bit floats in a byte, the lower half first: 1 sign bit, 2 of the exponent, 1 of the
    /// mantissa (Rouhani et al., *Microscaling Data Formats*, 2023, section 3).
    Fours,
    /// Integers of some bits, the lowest first, in rows of words.
    Bits(Bits),
}

/// What a byte stands for.
#[derive(Clone, Copy)]
pub(super) enum Byte {
    E4M3,
    E5M2,
    Signed,
    Unsigned,
}

impl Byte {
    /// The values of at most [`BLOCK`] bytes.
    #[inline(always)]
    fn widen(self, bytes: &[u8], values: &mut [f32]) {
        fn each(bytes: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
            let places = values.iter_mut().zip(bytes);
            places.for_each(|(place, &byte)| *place = value(byte));
        }
        match self {
            Byte::E4M3 => each(bytes, values, e4m3),
            Byte::E5M2 => each(bytes, values, e5m2),
            Byte::Signed => each(bytes, values, |byte| f32::from(byte as i8)),
            Byte::Unsigned => each(bytes, values, f32::from),
        }
    }
}

/// Integers in words.
#[derive(Clone, Copy)]
pub(super) struct Bits {
    pub(super) bits: u32,
    /// Whether each word holds whole integers only, with bits left over.
    pub(super) are_whole: bool,
    /// What is taken off each.
    pub(super) offset: f32,
}

/// The values of four-bit floats.
pub(super) const FOURS: [f32; 16] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0,
];

/// What is taken off codes before they are scaled.
pub(super) enum Zeros {
    None,
    /// As the scales lie.
    Grid(Grid),
    /// One for each scale, packed along the rows.
    Packed {
        part: usize,
        bits: Bits,
    },
}

/// A weight of rows of codes: (code - zero) · scale + bias.
pub(super) struct Rows {
    pub(super) codes: Codes,
    pub(super) main: usize,
    /// Elements of a row of the weight, and of the stored codes.
    pub(super) columns: usize,
    pub(super) stored: usize,
    pub(super) scale: Grid,
    /// A factor on every scale, and one on every element.
    pub(super) on_scale: Factor,
    pub(super) on_element: Option<f32>,
    pub(super) zeros: Zeros,
    pub(super) bias: Option<Grid>,
    /// The scale of each column, where columns of one scale do not lie together.
    pub(super) order: Option<usize>,
}

/// A number that all scales are changed by.
#[derive(Clone, Copy)]
pub(super) enum Factor {
    None,
    /// They are multiplied by the one element of a part.
    Times(usize),
    /// They are divided by it.
    Over(usize),
}

impl Factor {
    fn apply(self, file: &dyn Checkpoint, scales: &mut [f32]) -> Result<(), Error> {
        match self {
            Factor::None => {}
            Factor::Times(part) => {
                let by = floats(file, part, 0, 1)?[0];
                scales.iter_mut().for_each(|scale| *scale *= by);
            }
            Factor::Over(part) => {
                let by = floats(file, part, 0, 1)?[0];
                scales.iter_mut().for_each(|scale| *scale /= by);
            }
        }
        Ok(())
    }
}

impl Decoder for Rows {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let span = Span::new(first, out.len(), self.columns);
        let (first_row, last_row) = (span.rows.start, span.rows.end - 1);
        let mut scales = self.scale.rows(file, first_row, last_row)?;
        self.on_scale.apply(file, &mut scales.values)?;
        let biases = self.bias.as_ref();
        let biases = biases.map(|grid| grid.rows(file, first_row, last_row));
        let decoding = Decoding {
            rows: self,
            codes: self.codes.read(file, self.main, self.stored, &span)?,
            span,
            scales,
            zeros: self.zero_rows(file, first_row, last_row)?,
            biases: biases.transpose()?,
            order: self.order(file)?,
        };
        with_float!(
            out.dtype,
            E => widest(Decode::<E>(&decoding, out.bytes, PhantomData)),
            else {}
        );
        Ok(())
    }
}

/// Elements that lie one after the other, by row.
struct Span {
    rows: Range<usize>,
    columns: usize,
    /// The column where the first row begins, and where the last one ends.
    start: usize,
    end: usize,
}

impl Span {
    /// `count` elements from `first` on; at least one.
    fn new(first: u64, count: usize, columns: usize) -> Self {
        let last = first + count as u64 - 1;
        let place = |element: u64| {
            let columns = columns as u64;
            ((element / columns) as usize, (element % columns) as usize)
        };
        let ((first, start), (last, end)) = (place(first), place(last));
        Self {
            rows: first..last + 1,
            columns,
            start,
            end: end + 1,
        }
    }

    /// The columns of one of the rows.
    fn of_row(&self, row: usize) -> Range<usize> {
        let start = if row == self.rows.start {
            self.start
        } else {
            0
        };
        let is_last = row + 1 == self.rows.end;
        start..if is_last { self.end } else { self.columns }
    }
}

/// All that the elements of a span are made of.
struct Decoding<'r> {
    rows: &'r Rows,
    codes: Held<'r>,
    span: Span,
    scales: GridRows<'r>,
    zeros: ZeroRows<'r>,
    biases: Option<GridRows<'r>>,
    order: Option<Vec<usize>>,
}

struct Decode<'d, E>(&'d Decoding<'d>, &'d mut [u8], PhantomData<E>);

impl<E: Stored> Job for Decode<'_, E> {
    type Done = ();

    #[inline(always)]
    fn run(self) {
        let Self(of, out, _) = self;
        let (mut values, mut rounded) = ([0.0; BLOCK], [E::default(); BLOCK]);
        let mut at = 0;
        for row in of.span.rows.clone() {
            let (scale, zero) = (of.scales.of_row(row), of.zeros.of_row(row));
            let bias = of.biases.as_ref().map(|biases| biases.of_row(row));
            let columns = of.span.of_row(row);
            for start in columns.clone().step_by(BLOCK) {
                let count = BLOCK.min(columns.end - start);
                let (values, rounded) = (&mut values[..count], &mut rounded[..count]);
                of.codes.widen(row, start, values);
                match &of.order {
                    Some(order) => each_alone(values, &order[start..], scale, zero),
                    None => {
                        let block = of.rows.scale.columns();
                        each_group(values, start, block, scale, zero, bias);
                    }
                }
                if let Some(factor) = of.rows.on_element {
                    values.iter_mut().for_each(|value| *value *= factor);
                }
                E::narrow(values, rounded);
                let bytes: &[u8] = bytemuck::cast_slice(rounded);
                out[at..at + bytes.len()].copy_from_slice(bytes);
                at += bytes.len();
            }
        }
    }
}

/// Codes of a span as they are stored, read at once.
struct Held<'c> {
    codes: &'c Codes,
    /// Bytes, or words, of a row.
    stored: usize,
    /// The first one that is held, of the whole part.
    first: usize,
    units: Units,
}

enum Units {
    Bytes(Vec<u8>),
    Words(Vec<u32>),
}

impl Codes {
    /// Reads the codes of a span, from rows of so many bytes or words.
    fn read(
        &self,
        file: &dyn Checkpoint,
        part: usize,
        stored: usize,
        span: &Span,
    ) -> Result<Held<'_>, Error> {
        let (first, last) = (span.start, span.end - 1);
        let (first, end) = match self {
            Codes::Bytes(_) => (first, last + 1),
            Codes::Fours => (first / 2, last / 2 + 1),
            Codes::Bits(bits) => (bits.word(first), bits.span(last, last, stored).end),
        };
        let first = span.rows.start * stored + first;
        let count = (span.rows.end - 1) * stored + end - first;
        let units = match self {
            Codes::Bits(_) => Units::Words(words(file, part, first as u64, count)?),
            _ => Units::Bytes(raw(file, part, first as u64, count)?),
        };
        Ok(Held {
            codes: self,
            stored,
            first,
            units,
        })
    }
}

impl Held<'_> {
    /// The codes of a row from a column on, at most [`BLOCK`].
    #[inline(always)]
    fn widen(&self, row: usize, start: usize, values: &mut [f32]) {
        // Where a byte or word of the row is held.
        let place = |unit: usize| row * self.stored + unit - self.first;
        let columns = start..start + values.len();
        match (self.codes, &self.units) {
            (Codes::Bytes(code), Units::Bytes(bytes)) => {
                code.widen(&bytes[place(start)..][..values.len()], values);
            }
            (Codes::Fours, Units::Bytes(bytes)) => {
                let bytes = &bytes[place(start / 2)..];
                for (value, column) in values.iter_mut().zip(columns) {
                    let byte = bytes[column / 2 - start / 2];
                    *value = FOURS[usize::from(byte >> (4 * (column % 2)) & 15)];
                }
            }
            (Codes::Bits(bits), Units::Words(words)) => {
                let first = bits.word(start);
                let words = &words[place(first)..];
                for (value, column) in values.iter_mut().zip(columns) {
                    *value = bits.code(words, first, column);
                }
            }
            // `Codes::read` reads words for integers of some bits, and bytes for the others.
            (Codes::Bits(_), Units::Bytes(_)) | (_, Units::Words(_)) => {}
        }
    }
}

/// The value of a group. A part with one value in a row has it for all columns.
#[inline(always)]
fn of(values: &[f32], group: usize) -> f32 {
    values[group.min(values.len() - 1)]
}

/// Columns of one scale lie together.
#[inline(always)]
fn each_group(
    codes: &mut [f32],
    start: usize,
    block: usize,
    scale: &[f32],
    zero: Option<&[f32]>,
    bias: Option<&[f32]>,
) {
    let mut at = 0;
    while at < codes.len() {
        let group = (start + at) / block;
        let end = ((group + 1) * block - start).min(codes.len());
        let (scale, those) = (of(scale, group), &mut codes[at..end]);
        match (zero, bias) {
            (None, None) => those.iter_mut().for_each(|code| *code *= scale),
            (Some(zero), None) => {
                let zero = of(zero, group);
                those
                    .iter_mut()
                    .for_each(|code| *code = (*code - zero) * scale);
            }
            (zero, Some(bias)) => {
                let (zero, bias) = (zero.map_or(0.0, |zero| of(zero, group)), of(bias, group));
                those
                    .iter_mut()
                    .for_each(|code| *code = (*code - zero) * scale + bias);
            }
        }
        at = end;
    }
}

/// Each column says which scale is its own.
#[inline(always)]
fn each_alone(codes: &mut [f32], order: &[usize], scale: &[f32], zero: Option<&[f32]>) {
    for (code, &group) in codes.iter_mut().zip(order) {
        *code = (*code - zero.map_or(0.0, |zero| of(zero, group))) * scale[group];
    }
}

impl Rows {
    /// The group of each column.
    fn order(&self, file: &dyn Checkpoint) -> Result<Option<Vec<usize>>, Error> {
        let Some(part) = self.order else {
            return Ok(None);
        };
        let groups = words(file, part, 0, self.columns)?;
        let groups: Vec<usize> = groups.into_iter().map(|group| group as usize).collect();
        match groups.iter().all(|&group| group < self.scale.width()) {
            true => Ok(Some(groups)),
            false => Err(contradiction(file, part, "names groups that have no scale")),
        }
    }

    /// The zeros of rows `first..=last`.
    fn zero_rows(
        &self,
        file: &dyn Checkpoint,
        first: usize,
        last: usize,
    ) -> Result<ZeroRows<'_>, Error> {
        let (part, bits) = match &self.zeros {
            Zeros::None => return Ok(ZeroRows::None),
            Zeros::Grid(grid) => return Ok(ZeroRows::Grid(grid.rows(file, first, last)?)),
            Zeros::Packed { part, bits } => (*part, *bits),
        };
        let width = self.scale.width();
        let span = bits.span(first, last, file.tensors()[part].shape()[0]);
        let words = words(file, part, (span.start * width) as u64, span.len() * width)?;
        let mut values = Vec::with_capacity((last - first + 1) * width);
        let mut column = Vec::with_capacity(2);
        for row in first..=last {
            let own = bits.span(row, row, span.end);
            for group in 0..width {
                let places = own.clone().map(|word| (word - span.start) * width + group);
                column.clear();
                column.extend(places.map(|place| words[place]));
                values.push(bits.code(&column, own.start, row));
            }
        }
        Ok(ZeroRows::Unpacked {
            first,
            width,
            values,
        })
    }
}

/// The zeros of some rows.
enum ZeroRows<'r> {
    None,
    Grid(GridRows<'r>),
    Unpacked {
        first: usize,
        width: usize,
        values: Vec<f32>,
    },
}

impl ZeroRows<'_> {
    #[inline(always)]
    fn of_row(&self, row: usize) -> Option<&[f32]> {
        match self {
            ZeroRows::None => None,
            ZeroRows::Grid(rows) => Some(rows.of_row(row)),
            ZeroRows::Unpacked {
                first,
                width,
                values,
            } => Some(&values[(row - first) * width..][..*width]),
        }
    }
}

impl Bits {
    /// The words that so many integers take.
    pub(super) fn words(self, count: usize) -> usize {
        match self.are_whole {
            true => count.div_ceil((32 / self.bits) as usize),
            false => (count * self.bits as usize).div_ceil(32),
        }
    }

    /// The word in which an integer begins.
    pub(super) fn word(self, index: usize) -> usize {
        match self.are_whole {
            true => index / (32 / self.bits) as usize,
            false => index * self.bits as usize / 32,
        }
    }

    /// The words that integers `first..=last` lie in, of so many: the last may reach into the next.
    pub(super) fn span(self, first: usize, last: usize, words: usize) -> Range<usize> {
        self.word(first)..(self.word(last) + 2).min(words)
    }

    /// An integer, from words of which the first is number `first`.
    pub(super) fn code(self, words: &[u32], first: usize, index: usize) -> f32 {
        let shift = match self.are_whole {
            true => index % (32 / self.bits) as usize * self.bits as usize,
            false => index * self.bits as usize % 32,
        };
        let at = self.word(index) - first;
        let next = words.get(at + 1).copied().unwrap_or(0);
        let both = u64::from(next) << 32 | u64::from(words[at]);
        let mask = (1u64 << self.bits) - 1;
        (both >> shift & mask) as f32 - self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_cross_words() {
        let bits = Bits {
            bits: 3,
            are_whole: false,
            offset: 4.0,
        };
        // 11 integers: 10 in the first word, and the eleventh in both.
        let codes: Vec<u64> = (0..11).map(|i| (3 * i + 1) % 8).collect();
        let packed = (0..11).fold(0u64, |all, i| all | codes[i] << (3 * i));
        let words = [packed as u32, (packed >> 32) as u32];
        assert_eq!(bits.words(11), 2);
        for (index, &code) in codes.iter().enumerate() {
            assert_eq!(bits.code(&words, 0, index), code as f32 - 4.0, "{index}");
        }
        let whole = Bits {
            are_whole: true,
            ..bits
        };
        assert_eq!((whole.words(11), whole.word(10)), (2, 1));
        assert_eq!(whole.code(&[5], 1, 10), 1.0);
    }
}
