//! Writing elements of a prepared fill: ranges, slices, bytes.

use half::{bf16, f16};
use rayon::prelude::*;

use super::error::{BufferError, FillError};
use super::held::rounded;
use super::prepared::{Prepared, Source};
use super::slice::Slice;
use crate::dtype::{DType, Element, F8E4M3, F8E5M2};

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 16;

impl Prepared {
    /// Writes the elements `first..first + out.len()` of the row-major tensor on the calling
    /// thread.
    ///
    /// # Errors
    /// [`BufferError`] if `E` is not the tensor's element type, if the range goes past the tensor's
    /// end, or if it leaves the slice that [was prepared](crate::Fill::prepare_part).
    pub fn fill<E: Element>(&self, first: u64, out: &mut [E]) -> Result<(), BufferError> {
        self.check_type::<E>()?;
        let len = out.len() as u64;
        check_range(first, len, self.elements)?;
        match &self.part {
            Some(part) if !part.has_range(&self.shape, first, len) => {
                Err(BufferError::NotPrepared { part: part.clone() })
            }
            _ => {
                self.write(first, out);
                Ok(())
            }
        }
    }

    /// Writes all of a slice, row-major, sharing the work among rayon's current threads.
    ///
    /// # Errors
    /// [`BufferError`] if `E` is not the tensor's element type, if the slice does not lie inside
    /// the tensor or has not `out.len()` elements, or if it leaves the slice that
    /// [was prepared](crate::Fill::prepare_part).
    pub fn fill_slice<E: Element>(&self, slice: &Slice, out: &mut [E]) -> Result<(), BufferError> {
        self.check_type::<E>()?;
        self.check_slice(slice)?;
        if slice.len() != out.len() as u64 {
            return Err(BufferError::Length {
                slice: slice.len(),
                buffer: out.len() as u64,
            });
        }
        let chunks = out.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(index, chunk)| self.write_runs(slice, (index * CHUNK) as u64, chunk));
        Ok(())
    }

    /// The whole tensor.
    ///
    /// # Errors
    /// [`FillError::TooLarge`] when it does not fit in memory; [`FillError::Buffer`] if `E` is not
    /// the tensor's element type, or if only a part was prepared.
    pub fn to_vec<E: Element>(&self) -> Result<Vec<E>, FillError> {
        self.check_type::<E>()?;
        let too_large = || FillError::TooLarge {
            shape: self.shape.clone(),
            action: "held in memory",
        };
        let len = usize::try_from(self.elements).map_err(|_| too_large())?;
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| too_large())?;
        out.resize(len, E::default());
        self.fill_slice(&Slice::whole(&self.shape), &mut out)?;
        Ok(out)
    }

    /// Writes elements of a slice, from the slice's own element `first` on, as little-endian bytes
    /// of the tensor's element type.
    ///
    /// # Errors
    /// [`BufferError`] if the slice does not lie inside the tensor or leaves the slice that [was
    /// prepared](crate::Fill::prepare_part), if `out` does not hold whole, aligned elements, or if
    /// it goes past the slice's end.
    pub fn fill_bytes(&self, slice: &Slice, first: u64, out: &mut [u8]) -> Result<(), BufferError> {
        self.check_slice(slice)?;
        match self.dtype {
            DType::F64 => self.fill_floats::<f64>(slice, first, out),
            DType::F32 => self.fill_floats::<f32>(slice, first, out),
            DType::F16 => self.fill_floats::<f16>(slice, first, out),
            DType::BF16 => self.fill_floats::<bf16>(slice, first, out),
            DType::F8E4M3 => self.fill_floats::<F8E4M3>(slice, first, out),
            DType::F8E5M2 => self.fill_floats::<F8E5M2>(slice, first, out),
            _ => self.fill_integers(slice, first, out),
        }
    }

    fn fill_floats<E: Element>(
        &self,
        slice: &Slice,
        first: u64,
        out: &mut [u8],
    ) -> Result<(), BufferError> {
        let bytes = out.len();
        let elements: &mut [E] = bytemuck::try_cast_slice_mut(out).map_err(|_| self.torn(bytes))?;
        check_range(first, elements.len() as u64, slice.len())?;
        self.write_runs(slice, first, elements);
        if cfg!(target_endian = "big") {
            let each = out.chunks_exact_mut(size_of::<E>());
            each.for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    fn fill_integers(&self, slice: &Slice, first: u64, out: &mut [u8]) -> Result<(), BufferError> {
        let size = self.dtype.size();
        if !out.len().is_multiple_of(size) {
            return Err(self.torn(out.len()));
        }
        let len = (out.len() / size) as u64;
        check_range(first, len, slice.len())?;
        let runs = slice.runs(&self.shape, first, len);
        let indices = runs.flat_map(|(start, len)| start..start + len);
        for (index, out) in indices.zip(out.chunks_exact_mut(size)) {
            out.copy_from_slice(&self.integer(index).to_le_bytes()[..size]);
        }
        Ok(())
    }

    fn check_type<E: Element>(&self) -> Result<(), BufferError> {
        let (tensor, buffer) = (self.dtype, E::DTYPE);
        match tensor == buffer {
            true => Ok(()),
            false => Err(BufferError::Type { tensor, buffer }),
        }
    }

    fn check_slice(&self, slice: &Slice) -> Result<(), BufferError> {
        slice.check(&self.shape)?;
        match &self.part {
            Some(part) if !slice.lies_in(part) => {
                Err(BufferError::NotPrepared { part: part.clone() })
            }
            _ => Ok(()),
        }
    }

    fn torn(&self, bytes: usize) -> BufferError {
        let dtype = self.dtype;
        BufferError::Bytes { bytes, dtype }
    }

    /// Writes elements of a slice, from the slice's own element `first` on.
    fn write_runs<E: Element>(&self, slice: &Slice, first: u64, mut out: &mut [E]) {
        for (start, len) in slice.runs(&self.shape, first, out.len() as u64) {
            let (run, rest) = out.split_at_mut(len as usize);
            self.write(start, run);
            out = rest;
        }
    }

    /// Writes a range that was checked.
    fn write<E: Element>(&self, first: u64, out: &mut [E]) {
        match &self.source {
            Source::Constant(value) => out.fill(rounded(*value)),
            Source::Draw(stream, sampler) => stream.fill(sampler, first, out),
            Source::Each(value) => {
                for (i, out) in (first..).zip(out) {
                    *out = rounded(value(i));
                }
            }
            Source::Matrix(area, matrix) => matrix.copy(area, first as usize, out),
            Source::Stacked { each, len } => write_by(first, out, |at| {
                (&each[(at / len) as usize], at % len, len - at % len)
            }),
            Source::Blocks(sections) => write_by(first, out, |at| sections.locate(at)),
            Source::Repeated {
                axis_len,
                inner,
                repeats,
                of,
            } => write_by(first, out, |at| {
                let (outer, place) = (at / (axis_len * inner), at / inner % axis_len);
                let smaller = axis_len / repeats;
                let within = at % inner;
                let start = (outer * smaller + place / repeats) * inner + within;
                (&**of, start, inner - within)
            }),
            Source::Padded { padding, of } => {
                of.write(first, out);
                let clip = |at: u64| (at.saturating_sub(first) as usize).min(out.len());
                let zeros = clip(padding.start)..clip(padding.end);
                out[zeros].fill(rounded(0.0));
            }
        }
    }

    /// An element of an integer tensor.
    fn integer(&self, index: u64) -> i64 {
        match &self.source {
            Source::Constant(value) => *value as i64,
            Source::Each(value) => value(index) as i64,
            Source::Blocks(sections) => {
                let (section, index, _) = sections.locate(index);
                section.integer(index)
            }
            // `Fill::check` admits nothing else for integers.
            _ => 0,
        }
    }
}

/// Writes run by run: `locate` gives the fill that an element belongs to, the element's index in
/// it, and how many follow.
fn write_by<'a, E: Element>(
    first: u64,
    mut out: &mut [E],
    locate: impl Fn(u64) -> (&'a Prepared, u64, u64),
) {
    let mut at = first;
    while !out.is_empty() {
        let (of, start, len) = locate(at);
        let (run, rest) = out.split_at_mut((len as usize).min(out.len()));
        of.write(start, run);
        at += run.len() as u64;
        out = rest;
    }
}

fn check_range(first: u64, len: u64, end: u64) -> Result<(), BufferError> {
    match first.checked_add(len) {
        Some(last) if last <= end => Ok(()),
        _ => Err(BufferError::Range { first, len, end }),
    }
}
