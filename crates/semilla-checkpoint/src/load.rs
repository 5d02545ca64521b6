//! Elements of a checkpoint on their way into a tensor: read, put in order, converted, and looked at.

use half::{bf16, f16};
use semilla::{DType, Element, F8E4M3, F8E5M2, Load, Slice};

use crate::{Checkpoint, Error, Quoted, TensorInfo};

/// What was noticed about the values that a tensor took from a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Elements that were looked at.
    pub elements: u64,
    /// NaN or infinite in the checkpoint.
    pub non_finite: u64,
    /// Zeros in the checkpoint.
    pub zeros: u64,
    /// Finite in the checkpoint, beyond the range of the new type.
    pub overflowed: u64,
    /// Not zero in the checkpoint, zero in the new type.
    pub flushed: u64,
}

impl Health {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            non_finite: self.non_finite + other.non_finite,
            zeros: self.zeros + other.zeros,
            overflowed: self.overflowed + other.overflowed,
            flushed: self.flushed + other.flushed,
        }
    }

    /// Whether every element is zero, and there are any.
    pub fn is_all_zero(self) -> bool {
        self.elements > 0 && self.zeros == self.elements
    }
}

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

    /// Converts elements `first..` of a part of the target as they lie, for a load that moves none.
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

/// An expression with the element type of a floating-point tag.
macro_rules! with_float {
    ($dtype:expr, $type:ident => $then:expr) => {
        match $dtype {
            DType::F64 => {
                type $type = f64;
                $then
            }
            DType::F32 => {
                type $type = f32;
                $then
            }
            DType::F16 => {
                type $type = f16;
                $then
            }
            DType::BF16 => {
                type $type = bf16;
                $then
            }
            DType::F8E4M3 => {
                type $type = F8E4M3;
                $then
            }
            DType::F8E5M2 => {
                type $type = F8E5M2;
                $then
            }
            _ => Health::default(),
        }
    };
}

/// Counts what is not finite and what is zero.
fn look(dtype: DType, bytes: &[u8]) -> Health {
    if !dtype.is_float() {
        let zeros = bytes
            .chunks_exact(dtype.size())
            .filter(|element| element.iter().all(|&b| b == 0));
        return Health {
            elements: (bytes.len() / dtype.size()) as u64,
            zeros: zeros.count() as u64,
            ..Health::default()
        };
    }
    with_float!(dtype, E => look_at::<E>(bytes))
}

fn look_at<E: Element>(bytes: &[u8]) -> Health {
    let mut health = Health::default();
    for element in bytes.chunks_exact(size_of::<E>()) {
        let value = bytemuck::pod_read_unaligned::<E>(element).to_f64();
        health.non_finite += u64::from(!value.is_finite());
        health.zeros += u64::from(value == 0.0);
    }
    health.elements = (bytes.len() / size_of::<E>()) as u64;
    health
}

pub(crate) fn floats(from: DType, bytes: &[u8], to: DType, out: &mut [u8]) -> Health {
    with_float!(from, A => with_float!(to, B => cast::<A, B>(bytes, out)))
}

fn cast<A: Element, B: Element>(bytes: &[u8], out: &mut [u8]) -> Health {
    let mut health = Health::default();
    let pairs = bytes
        .chunks_exact(size_of::<A>())
        .zip(out.chunks_exact_mut(size_of::<B>()));
    for (from, to) in pairs {
        let old = bytemuck::pod_read_unaligned::<A>(from).to_f64();
        let rounded = B::from_f64(old);
        let new = rounded.to_f64();
        to.copy_from_slice(bytemuck::bytes_of(&rounded));
        health.non_finite += u64::from(!old.is_finite());
        health.zeros += u64::from(old == 0.0);
        health.overflowed += u64::from(old.is_finite() & !new.is_finite());
        health.flushed += u64::from((old != 0.0) & (new == 0.0));
    }
    health.elements = (bytes.len() / size_of::<A>()) as u64;
    health
}

/// Exact, or `None` where a value does not fit.
fn integers(from: DType, bytes: &[u8], to: DType, out: &mut [u8]) -> Option<Health> {
    let mut health = Health::default();
    for (old, new) in bytes
        .chunks_exact(from.size())
        .zip(out.chunks_exact_mut(to.size()))
    {
        let value = integer(from, old)?;
        let size = new.len();
        new.copy_from_slice(&value.to_le_bytes()[..size]);
        if integer(to, new)? != value {
            return None;
        }
        health.zeros += u64::from(value == 0);
        health.elements += 1;
    }
    Some(health)
}

/// The value of an integer of any width; `None` for other types.
fn integer(dtype: DType, bytes: &[u8]) -> Option<i128> {
    let mut wide = [0u8; 16];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unsigned = i128::from_le_bytes(wide);
    let shift = 128 - 8 * bytes.len() as u32;
    match dtype {
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => Some(unsigned << shift >> shift),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => Some(unsigned),
        DType::Bool => (unsigned <= 1).then_some(unsigned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_round_once_and_count_what_is_lost() {
        let values = [1.0f32, 0.1, 1e-30, 7e4, -f32::INFINITY, f32::NAN, 0.0];
        let mut out = vec![0; 2 * values.len()];
        let health = floats(
            DType::F32,
            bytemuck::cast_slice(&values),
            DType::F16,
            &mut out,
        );
        let expected = Health {
            elements: 7,
            non_finite: 2,
            zeros: 1,
            overflowed: 1,
            flushed: 1,
        };
        assert_eq!(health, expected);
        assert_eq!(out[2..4], f16::from_f32(0.1).to_le_bytes());
    }

    #[test]
    fn integers_are_exact_or_refused() {
        let mut out = [0; 8];
        assert!(
            integers(
                DType::I64,
                &(-7i64).to_le_bytes(),
                DType::I32,
                &mut out[..4]
            )
            .is_some()
        );
        assert_eq!(out[..4], (-7i32).to_le_bytes());
        assert!(
            integers(
                DType::I64,
                &(-7i64).to_le_bytes(),
                DType::U32,
                &mut out[..4]
            )
            .is_none()
        );
        assert!(integers(DType::U8, &[2], DType::Bool, &mut out[..1]).is_none());
        assert!(integers(DType::U64, &u64::MAX.to_le_bytes(), DType::I64, &mut out).is_none());
    }
}
