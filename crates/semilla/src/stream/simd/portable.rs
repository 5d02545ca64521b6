//! Arrays of eight: plain Rust that any target compiles, and that compilers vectorize.

use half::{bf16, f16};

use super::Simd;
use crate::stream::math::THREE_QUARTERS_BITS;

const N: usize = 8;

/// Runs on every CPU. Fast only where fused multiply-add is an instruction of the target's baseline
/// (aarch64 is such a target); elsewhere `mul_add` is an equal, slow library call.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn map<A: Copy, B>(a: [A; N], f: impl Fn(A) -> B) -> [B; N] {
    std::array::from_fn(|i| f(a[i]))
}

#[inline(always)]
fn zip<A: Copy, B: Copy, C>(a: [A; N], b: [B; N], f: impl Fn(A, B) -> C) -> [C; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    const LANES: usize = N;
    type F32 = [f32; N];
    type U32 = [u32; N];
    type Wide = [u64; N];
    type Mask = [bool; N];

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; N] {
        [value; N]
    }
    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self, a: [f32; N]) -> [f32; N] {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    fn mul_add(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        std::array::from_fn(|i| (-a[i]).mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn min(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn mantissa(self, a: [f32; N]) -> [f32; N] {
        map(a, |a| {
            let bits = a.to_bits();
            let exponent = bits.wrapping_sub(THREE_QUARTERS_BITS) & 0xff80_0000;
            f32::from_bits(bits.wrapping_sub(exponent))
        })
    }
    #[inline(always)]
    fn greater(self, a: [f32; N], b: [f32; N]) -> [bool; N] {
        zip(a, b, |a, b| a > b)
    }
    #[inline(always)]
    fn or(self, a: [bool; N], b: [bool; N]) -> [bool; N] {
        zip(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn any(self, mask: [bool; N]) -> bool {
        mask.contains(&true)
    }
    #[inline(always)]
    fn select(self, mask: [bool; N], yes: [f32; N], no: [f32; N]) -> [f32; N] {
        std::array::from_fn(|i| if mask[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    fn select_u32(self, mask: [bool; N], yes: [u32; N], no: [u32; N]) -> [u32; N] {
        std::array::from_fn(|i| if mask[i] { yes[i] } else { no[i] })
    }

    #[inline(always)]
    fn splat_u32(self, value: u32) -> [u32; N] {
        [value; N]
    }
    #[inline(always)]
    fn and(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        zip(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn xor(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        zip(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn xor_and(self, a: [u32; N], b: [u32; N], c: [u32; N]) -> [u32; N] {
        std::array::from_fn(|i| a[i] ^ (b[i] & c[i]))
    }
    #[inline(always)]
    fn and_or(self, a: [u32; N], b: [u32; N], c: [u32; N]) -> [u32; N] {
        std::array::from_fn(|i| (a[i] & b[i]) | c[i])
    }
    #[inline(always)]
    fn sub_u32(self, a: [u32; N], b: [u32; N]) -> [u32; N] {
        zip(a, b, u32::wrapping_sub)
    }
    #[inline(always)]
    fn shr<const S: u32>(self, a: [u32; N]) -> [u32; N] {
        map(a, |a| a >> S)
    }
    #[inline(always)]
    fn test(self, a: [u32; N], bits: u32) -> [bool; N] {
        map(a, |a| a & bits != 0)
    }
    #[inline(always)]
    fn bits(self, a: [f32; N]) -> [u32; N] {
        map(a, f32::to_bits)
    }
    #[inline(always)]
    fn from_bits(self, a: [u32; N]) -> [f32; N] {
        map(a, f32::from_bits)
    }
    #[inline(always)]
    fn signed(self, a: [u32; N]) -> [f32; N] {
        map(a, |a| a as i32 as f32)
    }
    #[inline(always)]
    fn unsigned(self, a: [u32; N]) -> [f32; N] {
        map(a, |a| a as f32)
    }

    #[inline(always)]
    fn counters(self, first: u32) -> [u64; N] {
        std::array::from_fn(|i| u64::from(first) + i as u64)
    }
    #[inline(always)]
    fn splat_wide(self, value: u32) -> [u64; N] {
        [u64::from(value); N]
    }
    #[inline(always)]
    fn widening_mul(self, a: [u64; N], factor: u32) -> [u64; N] {
        map(a, |a| (a & 0xffff_ffff) * u64::from(factor))
    }
    #[inline(always)]
    fn xor_wide(self, a: [u64; N], b: [u64; N]) -> [u64; N] {
        zip(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn high_xor(self, product: [u64; N], a: [u64; N], b: [u64; N]) -> [u64; N] {
        std::array::from_fn(|i| (product[i] >> 32) ^ a[i] ^ b[i])
    }
    #[inline(always)]
    fn high(self, product: [u64; N]) -> [u32; N] {
        map(product, |p| (p >> 32) as u32)
    }
    #[inline(always)]
    fn low(self, a: [u64; N]) -> [u32; N] {
        map(a, |a| a as u32)
    }

    #[inline(always)]
    fn prefetch(self, _at: *const u8) {}

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: [f32; N]) {
        // SAFETY: the caller vouches for N values at `to`.
        unsafe { to.cast::<[f32; N]>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, value: [f32; N]) {
        // SAFETY: the caller vouches for N values at `to`.
        unsafe {
            to.cast::<[bf16; N]>()
                .write_unaligned(map(value, bf16::from_f32))
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut f16, value: [f32; N]) {
        // SAFETY: the caller vouches for N values at `to`.
        unsafe {
            to.cast::<[f16; N]>()
                .write_unaligned(map(value, f16::from_f32))
        }
    }
}
