//! Floating-point elements in blocks: from bytes to values, and from values to elements of a
//! different type.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use semilla::{Element, F8E4M3, F8E5M2};

/// Elements that are worked on at a time: few enough to stay in the nearest cache.
pub(crate) const BLOCK: usize = 1024;

/// A type that values are computed in.
pub(crate) trait Real: Copy + Default + PartialOrd + Into<f64> {
    const ZERO: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    fn abs(self) -> Self;
    fn is_finite(self) -> bool;
    /// Rounds once, to nearest.
    fn to_elements<E: Stored>(values: &[Self], into: &mut [E]);
}

/// A type that checkpoints store values in.
pub(crate) trait Stored: Element {
    /// The type that holds each of its values exactly.
    type Wide: Real;
    /// The least normal number.
    const TINY: Self::Wide;

    /// The exact values, in the first places of `into`.
    fn widen<'a>(elements: &[Self], into: &'a mut [Self::Wide; BLOCK]) -> &'a [Self::Wide];

    /// Rounds once, to nearest.
    fn narrow(values: &[f32], into: &mut [Self]);
}

/// The elements of a block of bytes, which may begin anywhere.
#[inline(always)]
pub(crate) fn aligned<'a, E: Stored>(bytes: &[u8], held: &'a mut [E; BLOCK]) -> &'a [E] {
    let held = &mut held[..bytes.len() / size_of::<E>()];
    let whole = size_of_val(held);
    bytemuck::cast_slice_mut(held).copy_from_slice(&bytes[..whole]);
    held
}

macro_rules! real {
    ($type:ident, $values:ident, $into:ident => $round:expr) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const INFINITY: Self = $type::INFINITY;
            const NEG_INFINITY: Self = $type::NEG_INFINITY;
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn to_elements<E: Stored>($values: &[Self], $into: &mut [E]) {
                $round
            }
        }
    };
}

real!(f32, values, into => E::narrow(values, into));
real!(f64, values, into => {
    for (value, place) in values.iter().zip(into) {
        *place = E::from_f64(*value);
    }
});

macro_rules! stored {
    ($type:ident as $wide:ident, $least:expr, $elements:ident, $into:ident => $widen:expr) => {
        stored!($type as $wide, $least, $elements, $into => $widen; values, rounded => {
            for (value, place) in values.iter().zip(rounded) {
                *place = Self::from_f32(*value);
            }
        });
    };
    ($type:ident as $wide:ident, $least:expr, $elements:ident, $into:ident => $widen:expr;
     $values:ident, $rounded:ident => $narrow:expr) => {
        impl Stored for $type {
            type Wide = $wide;
            const TINY: $wide = $least;
            #[inline(always)]
            fn widen<'a>($elements: &[Self], into: &'a mut [$wide; BLOCK]) -> &'a [$wide] {
                let $into = &mut into[..$elements.len()];
                $widen;
                $into
            }
            #[inline(always)]
            fn narrow($values: &[f32], $rounded: &mut [Self]) {
                $narrow
            }
        }
    };
}

stored!(f64 as f64, f64::MIN_POSITIVE, elements, into => into.copy_from_slice(elements));
stored!(f32 as f32, f32::MIN_POSITIVE, elements, into => into.copy_from_slice(elements));
stored!(f16 as f32, 6.103_515_6e-5, elements, into => elements.convert_to_f32_slice(into);
    values, rounded => rounded.convert_from_f32_slice(values));
stored!(bf16 as f32, f32::MIN_POSITIVE, elements, into => {
    for (element, place) in elements.iter().zip(into.iter_mut()) {
        *place = f32::from_bits(u32::from(element.to_bits()) << 16);
    }
}; values, rounded => {
    for (value, place) in values.iter().zip(rounded) {
        *place = nearest_bf16(*value);
    }
});
stored!(F8E4M3 as f32, 0.015_625, elements, into => {
    for (element, place) in elements.iter().zip(into.iter_mut()) {
        *place = e4m3(element.0);
    }
});
stored!(F8E5M2 as f32, 6.103_515_6e-5, elements, into => {
    for (element, place) in elements.iter().zip(into.iter_mut()) {
        *place = e5m2(element.0);
    }
});

/// The value of an element of [`F8E4M3`], without branches, for vectors.
#[inline(always)]
pub(crate) fn e4m3(code: u8) -> f32 {
    let magnitude = u32::from(code & 0x7f) << 20;
    let value = match magnitude {
        0x07f0_0000 => f32::NAN,
        _ => rebiased(magnitude, 127 - 7),
    };
    f32::from_bits(value.to_bits() | u32::from(code & 0x80) << 24)
}

/// The value of an element of [`F8E5M2`], without branches, for vectors.
#[inline(always)]
pub(crate) fn e5m2(code: u8) -> f32 {
    let magnitude = u32::from(code & 0x7f) << 21;
    let value = match magnitude {
        0x0f80_0000 => f32::INFINITY,
        0x0f80_0001.. => f32::NAN,
        _ => rebiased(magnitude, 127 - 15),
    };
    f32::from_bits(value.to_bits() | u32::from(code & 0x80) << 24)
}

/// The value whose exponent is so much too small.
#[inline(always)]
fn rebiased(magnitude: u32, exponent: u32) -> f32 {
    // Without a leading one: as if it had one of the least exponent, which is then taken off. (A
    // product with a power of two would be of a denormal number, which is slow.)
    let least = (exponent + 1) << 23;
    let small = f32::from_bits(magnitude + least) - f32::from_bits(least);
    let normal = f32::from_bits(magnitude + (exponent << 23));
    if magnitude < 1 << 23 { small } else { normal }
}

/// [`bf16::from_f32`] without branches, for vectors.
#[inline(always)]
fn nearest_bf16(value: f32) -> bf16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let quiet = bits >> 16 | 0x40;
    bf16::from_bits(if value.is_nan() { quiet } else { rounded } as u16)
}

/// An expression with the element type of a floating-point tag, or a different expression for other
/// tags.
macro_rules! with_float {
    ($dtype:expr, $type:ident => $then:expr, else $other:expr) => {
        match $dtype {
            semilla::DType::F64 => {
                type $type = f64;
                $then
            }
            semilla::DType::F32 => {
                type $type = f32;
                $then
            }
            semilla::DType::F16 => {
                type $type = half::f16;
                $then
            }
            semilla::DType::BF16 => {
                type $type = half::bf16;
                $then
            }
            semilla::DType::F8E4M3 => {
                type $type = semilla::F8E4M3;
                $then
            }
            semilla::DType::F8E5M2 => {
                type $type = semilla::F8E5M2;
                $then
            }
            _ => $other,
        }
    };
}
pub(crate) use with_float;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_elements() {
        fn all<E: Stored>(elements: Vec<E>) {
            for block in elements.chunks(BLOCK - 3) {
                let mut into = [E::Wide::default(); BLOCK];
                for (wide, element) in E::widen(block, &mut into).iter().zip(block) {
                    let (wide, value): (f64, f64) = ((*wide).into(), element.to_f64());
                    assert!(wide.to_bits() == value.to_bits() || wide.is_nan() && value.is_nan());
                }
            }
        }
        all((0..=u16::MAX).map(f16::from_bits).collect());
        all((0..=u16::MAX).map(bf16::from_bits).collect());
        all((0..=u8::MAX).map(F8E4M3).collect());
        all((0..=u8::MAX).map(F8E5M2).collect());
        all(vec![f64::MIN_POSITIVE / 3.0, -0.0, f64::NAN, f64::MAX]);
    }

    #[test]
    fn rounding_is_that_of_the_type() {
        // Every upper half with lower halves around a tie.
        let lower = [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
        let values: Vec<f32> = (0..=u32::from(u16::MAX))
            .flat_map(|upper| lower.map(|lower| f32::from_bits(upper << 16 | lower)))
            .collect();
        let (mut brain, mut half) = (
            vec![bf16::ZERO; values.len()],
            vec![f16::ZERO; values.len()],
        );
        f32::to_elements(&values, &mut brain);
        f32::to_elements(&values, &mut half);
        for (i, &value) in values.iter().enumerate() {
            assert_eq!(
                brain[i].to_bits(),
                bf16::from_f32(value).to_bits(),
                "{value:e}"
            );
            assert_eq!(
                half[i].to_bits(),
                f16::from_f32(value).to_bits(),
                "{value:e}"
            );
        }
    }
}
