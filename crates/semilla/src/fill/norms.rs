//! Norms of another tensor.

use half::{bf16, f16};

use super::error::FillError;
use super::kind::Kind;
use super::kinds::Fill;
use super::prepared::{Prepared, Source};
use super::slice::Slice;
use super::target::Target;
use crate::dtype::{DType, Element, F8E4M3, F8E5M2};
use crate::stream::{Key, Stream};

/// Elements of the other tensor that are made at a time.
const CHUNK: usize = 1 << 12;

/// Salimans & Kingma, *Weight Normalization*, NeurIPS 2016, section 2: magnitudes beside directions.
pub(super) struct Norms<'a> {
    pub(super) axis: usize,
    pub(super) of: &'a Fill,
    pub(super) shape: &'a [usize],
    pub(super) key: Key,
}

impl Kind for Norms<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let other = target.with(self.shape);
        let size = self.shape.get(self.axis).copied();
        let fits = size.map(|size| size as u64) == Some(target.elements()?);
        let problem = format!(
            "it has not one element for each index of axis {}",
            self.axis
        );
        target.needs(fits, problem)?;
        other.holds_matrix()?;
        self.of.check_generated(other, "the norms of a fill")
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let other = target.with(self.shape);
        let whole = Slice::whole(self.shape);
        let of = self
            .of
            .prepare_for(Stream::from_key(self.key), other, &whole)?;
        let inner = other.inner(self.axis)?;
        let squares = match target.dtype {
            DType::F64 => self.squares::<f64>(&of, inner)?,
            DType::F16 => self.squares::<f16>(&of, inner)?,
            DType::BF16 => self.squares::<bf16>(&of, inner)?,
            DType::F8E4M3 => self.squares::<F8E4M3>(&of, inner)?,
            DType::F8E5M2 => self.squares::<F8E5M2>(&of, inner)?,
            _ => self.squares::<f32>(&of, inner)?,
        };
        Ok(Source::each(move |i| squares[i as usize].sqrt()))
    }

    fn description(&self) -> String {
        format!("norms of {}", self.of)
    }
}

impl Norms<'_> {
    /// The sum of squares at each index of the axis, of elements as they are stored.
    fn squares<E: Element>(&self, of: &Prepared, inner: u64) -> Result<Vec<f64>, FillError> {
        let size = self.shape[self.axis];
        let mut sums = vec![0f64; size];
        let mut chunk = [E::default(); CHUNK];
        let mut first = 0;
        while first < of.len() {
            let count = (of.len() - first).min(CHUNK as u64) as usize;
            of.fill(first, &mut chunk[..count])?;
            for (i, value) in (first..).zip(&chunk[..count]) {
                let value = value.to_f64();
                let sum = &mut sums[(i / inner) as usize % size];
                *sum = value.mul_add(value, *sum);
            }
            first += count as u64;
        }
        Ok(sums)
    }
}
