//! The decoder of one weight, and reading its parts.

use std::path::Path;

use half::{bf16, f16};
use semilla::DType;

use crate::values::{BLOCK, Stored, with_float};
use crate::{Checkpoint, Error};

/// Gives the elements of a weight from its parts.
pub(super) trait Decoder: Send + Sync {
    /// The elements from `first` on, row-major, in the weight's element type. They lie in the
    /// weight, and are at most [`AT_ONCE`].
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error>;
}

/// The most elements that are decoded at a time.
pub(super) const AT_ONCE: usize = 1 << 17;

/// Elements that a decoder fills.
pub(super) struct Elements<'a> {
    pub(super) dtype: DType,
    pub(super) bytes: &'a mut [u8],
}

impl Elements<'_> {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// Takes all values, each rounded once to nearest.
    pub(super) fn fill(&mut self, values: &[f32]) {
        fn narrow<E: Stored>(values: &[f32], bytes: &mut [u8]) {
            let mut held = [E::default(); BLOCK];
            let places = bytes.chunks_mut(BLOCK * size_of::<E>());
            for (values, place) in values.chunks(BLOCK).zip(places) {
                let held = &mut held[..values.len()];
                E::narrow(values, held);
                place.copy_from_slice(bytemuck::cast_slice(held));
            }
        }
        with_float!(self.dtype, E => narrow::<E>(values, self.bytes), else {});
    }

    /// As [`fill`](Self::fill), from wider values.
    pub(super) fn fill_wide(&mut self, values: &[f64]) {
        if let Some(bytes) = self.dtype.encode(values) {
            self.bytes.copy_from_slice(&bytes);
        }
    }
}

/// Elements of a part as numbers.
pub(super) fn floats(
    file: &dyn Checkpoint,
    part: usize,
    first: u64,
    count: usize,
) -> Result<Vec<f32>, Error> {
    let dtype = file.tensors()[part].dtype();
    let bytes = raw(file, part, first, count)?;
    Ok(match dtype {
        DType::F32 => each(&bytes, f32::from_le_bytes),
        DType::BF16 => each(&bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        DType::F16 => each(&bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        dtype if dtype.size() == 1 => {
            let table = table(dtype);
            bytes.iter().map(|&byte| table[usize::from(byte)]).collect()
        }
        dtype => {
            let mut values = Vec::with_capacity(count);
            dtype.decode(&bytes, &mut values);
            values.into_iter().map(|value| value as f32).collect()
        }
    })
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks();
    elements.iter().map(|&element| value(element)).collect()
}

/// The values of all bytes of a type that has one.
pub(super) fn table(dtype: DType) -> [f32; 256] {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut values = Vec::with_capacity(256);
    dtype.decode(&bytes, &mut values);
    let mut table = [0.0; 256];
    for (place, value) in table.iter_mut().zip(values) {
        *place = value as f32;
    }
    table
}

/// Elements of a part with all their digits.
pub(super) fn doubles(
    file: &dyn Checkpoint,
    part: usize,
    first: u64,
    count: usize,
) -> Result<Vec<f64>, Error> {
    let bytes = raw(file, part, first, count)?;
    let mut values = Vec::with_capacity(count);
    file.tensors()[part].dtype().decode(&bytes, &mut values);
    Ok(values)
}

/// Visits all elements of a part in order, a few at a time.
pub(super) fn each_double(
    file: &dyn Checkpoint,
    part: usize,
    mut visit: impl FnMut(u64, f64),
) -> Result<(), Error> {
    let count = file.tensors()[part].elements();
    for first in (0..count).step_by(AT_ONCE) {
        let together = (count - first).min(AT_ONCE as u64) as usize;
        let values = doubles(file, part, first, together)?;
        (first..)
            .zip(values)
            .for_each(|(at, value)| visit(at, value));
    }
    Ok(())
}

/// Words of 32 bits of a part, whatever its type of that size.
pub(super) fn words(
    file: &dyn Checkpoint,
    part: usize,
    first: u64,
    count: usize,
) -> Result<Vec<u32>, Error> {
    let bytes = raw(file, part, first, count)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(words.iter().map(|&word| u32::from_le_bytes(word)).collect())
}

/// The bytes of elements of a part.
pub(super) fn raw(
    file: &dyn Checkpoint,
    part: usize,
    first: u64,
    count: usize,
) -> Result<Vec<u8>, Error> {
    let size = file.tensors()[part].dtype().size();
    let mut bytes = vec![0; count * size];
    file.read(part, first * size as u64, &mut bytes)?;
    Ok(bytes)
}

/// That a part's values contradict its encoding.
pub(super) fn contradiction(file: &dyn Checkpoint, part: usize, problem: &str) -> Error {
    let name = crate::Quoted::new(file.tensors()[part].name());
    Error::Format {
        path: file.file(part).unwrap_or(Path::new("")).to_owned(),
        format: file.format(),
        problem: format!("{name} {problem}"),
    }
}
