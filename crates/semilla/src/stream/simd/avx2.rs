//! AVX2 with FMA and F16C: eight lanes.
// SAFETY (whole module): a value of `Avx2` exists only where `Avx2::detect` saw the CPU features
// that every intrinsic below needs; stores are within what their callers vouch for.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::Simd;
use crate::stream::math::THREE_QUARTERS_BITS;

/// Proof that this CPU has AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let here = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        here.then_some(Self(()))
    }
}

impl Simd for Avx2 {
    const LANES: usize = 8;
    type F32 = __m256;
    type U32 = __m256i;
    /// Counters 0, 2, 4... and counters 1, 3, 5...
    type Wide = [__m256i; 2];
    type Mask = __m256;
    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        unsafe { _mm256_sqrt_ps(a) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn mantissa(self, a: __m256) -> __m256 {
        let bits = self.bits(a);
        let exponent = self.sub_u32(bits, self.splat_u32(THREE_QUARTERS_BITS));
        let exponent = self.and(exponent, self.splat_u32(0xff80_0000));
        self.from_bits(self.sub_u32(bits, exponent))
    }
    #[inline(always)]
    fn greater(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(a, b) }
    }
    #[inline(always)]
    fn or(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(a, b) }
    }
    #[inline(always)]
    fn any(self, mask: __m256) -> bool {
        unsafe { _mm256_movemask_ps(mask) != 0 }
    }
    #[inline(always)]
    fn select(self, mask: __m256, yes: __m256, no: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }
    #[inline(always)]
    fn select_u32(self, mask: __m256, yes: __m256i, no: __m256i) -> __m256i {
        unsafe { _mm256_blendv_epi8(no, yes, _mm256_castps_si256(mask)) }
    }
    #[inline(always)]
    fn splat_u32(self, value: u32) -> __m256i {
        unsafe { _mm256_set1_epi32(value as i32) }
    }
    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(a, b) }
    }
    #[inline(always)]
    fn xor_and(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(a, _mm256_and_si256(b, c)) }
    }
    #[inline(always)]
    fn and_or(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(_mm256_and_si256(a, b), c) }
    }
    #[inline(always)]
    fn sub_u32(self, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m256i) -> __m256i {
        unsafe { _mm256_srl_epi32(a, _mm_cvtsi32_si128(N as i32)) }
    }
    #[inline(always)]
    fn test(self, a: __m256i, bits: u32) -> __m256 {
        unsafe {
            let unset =
                _mm256_cmpeq_epi32(self.and(a, self.splat_u32(bits)), _mm256_setzero_si256());
            _mm256_castsi256_ps(self.xor(unset, self.splat_u32(u32::MAX)))
        }
    }
    #[inline(always)]
    fn bits(self, a: __m256) -> __m256i {
        unsafe { _mm256_castps_si256(a) }
    }
    #[inline(always)]
    fn from_bits(self, a: __m256i) -> __m256 {
        unsafe { _mm256_castsi256_ps(a) }
    }
    #[inline(always)]
    fn signed(self, a: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn unsigned(self, a: __m256i) -> __m256 {
        // Both halves are exact, so the fused sum is the one rounding of the word.
        let upper = self.signed(self.shr::<16>(a));
        let lower = self.signed(self.and(a, self.splat_u32(0xffff)));
        self.mul_add(upper, self.splat(65536.0), lower)
    }
    #[inline(always)]
    fn counters(self, first: u32) -> [__m256i; 2] {
        unsafe {
            let even = _mm256_set_epi64x(6, 4, 2, 0);
            let even = _mm256_add_epi64(even, _mm256_set1_epi64x(i64::from(first)));
            [even, _mm256_add_epi64(even, _mm256_set1_epi64x(1))]
        }
    }
    #[inline(always)]
    fn splat_wide(self, value: u32) -> [__m256i; 2] {
        [self.splat_u32(value); 2]
    }
    #[inline(always)]
    fn widening_mul(self, a: [__m256i; 2], factor: u32) -> [__m256i; 2] {
        let factor = self.splat_u32(factor);
        unsafe {
            [
                _mm256_mul_epu32(a[0], factor),
                _mm256_mul_epu32(a[1], factor),
            ]
        }
    }
    #[inline(always)]
    fn xor_wide(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        [self.xor(a[0], b[0]), self.xor(a[1], b[1])]
    }
    #[inline(always)]
    fn high_xor(self, product: [__m256i; 2], a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        let xor = |product, a, b| unsafe {
            _mm256_xor_si256(_mm256_srli_epi64::<32>(product), _mm256_xor_si256(a, b))
        };
        [xor(product[0], a[0], b[0]), xor(product[1], a[1], b[1])]
    }
    #[inline(always)]
    fn high(self, [even, odd]: [__m256i; 2]) -> __m256i {
        unsafe { _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd) }
    }
    #[inline(always)]
    fn low(self, [even, odd]: [__m256i; 2]) -> __m256i {
        unsafe { _mm256_blend_epi32::<0xaa>(even, _mm256_slli_epi64::<32>(odd)) }
    }
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, value: __m256) {
        unsafe {
            let bits = self.bits(value);
            let odd = self.and(self.shr::<16>(bits), self.splat_u32(1));
            // Half a step less one, plus one where the kept part is odd: ties go to even.
            let bias = _mm256_add_epi32(odd, self.splat_u32(0x7fff));
            let rounded = self.shr::<16>(_mm256_add_epi32(bits, bias));
            let packed = _mm_packus_epi32(
                _mm256_castsi256_si128(rounded),
                _mm256_extracti128_si256::<1>(rounded),
            );
            _mm_storeu_si128(to.cast(), packed)
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut f16, value: __m256) {
        unsafe {
            let packed = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
            _mm_storeu_si128(to.cast(), packed)
        }
    }
}
