//! Elements converted from one type to another, with what that loses.

use std::marker::PhantomData;

use semilla::DType;

use crate::values::elements::{BLOCK, Real, Stored, aligned, with_float};
use crate::values::health::{Health, Tally};
use crate::values::vectors::{Job, widest};

/// Floating-point elements, each rounded once to nearest.
pub(crate) fn floats(from: DType, bytes: &[u8], to: DType, out: &mut [u8]) -> Health {
    let nothing = Health::default();
    with_float!(
        from,
        A => with_float!(to, B => widest(Cast::<A, B>(bytes, out, PhantomData)), else nothing),
        else nothing
    )
}

struct Cast<'a, A, B>(&'a [u8], &'a mut [u8], PhantomData<(A, B)>);

impl<A: Stored, B: Stored> Job for Cast<'_, A, B> {
    type Done = Health;

    #[inline(always)]
    fn run(self) -> Health {
        let (mut old, mut new) = (Tally::<A::Wide>::of::<A>(), Tally::<B::Wide>::of::<B>());
        let (mut held, mut wide) = ([A::default(); BLOCK], [A::Wide::default(); BLOCK]);
        let (mut rounded, mut again) = ([B::default(); BLOCK], [B::Wide::default(); BLOCK]);
        let blocks = self.0.chunks(BLOCK * size_of::<A>());
        for (bytes, out) in blocks.zip(self.1.chunks_mut(BLOCK * size_of::<B>())) {
            let values = A::widen(aligned(bytes, &mut held), &mut wide);
            let rounded = &mut rounded[..values.len()];
            A::Wide::to_elements(values, rounded);
            out.copy_from_slice(bytemuck::cast_slice(rounded));
            old.take(values);
            new.take(B::widen(rounded, &mut again));
        }
        // What is not finite or is zero stays so: the others became it.
        let (mut health, new) = (old.health(), new.health());
        health.overflowed = new.non_finite - health.non_finite;
        health.flushed = new.zeros - health.zeros;
        health
    }
}

/// Exact, or `None` where a value does not fit.
pub(crate) fn integers(from: DType, bytes: &[u8], to: DType, out: &mut [u8]) -> Option<Health> {
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
    use half::f16;

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
        assert_eq!((health.elements, health.zeros), (7, 1));
        assert_eq!(health.non_finite, 2);
        assert_eq!((health.overflowed, health.flushed), (1, 1));
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
