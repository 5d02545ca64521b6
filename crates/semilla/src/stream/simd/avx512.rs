//! AVX-512: sixteen lanes.
// SAFETY (whole module): a value of `Avx512` exists only where `Avx512::detect` saw the CPU
// features that every intrinsic below needs; stores are within what their callers vouch for.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::Simd;

/// Proof that this CPU has AVX-512F (and AVX2, FMA, F16C, which come with it).
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        here.then_some(Self(()))
    }
}

impl Simd for Avx512 {
    const LANES: usize = 16;
    type F32 = __m512;
    type U32 = __m512i;
    /// Counters 0, 2, 4... and counters 1, 3, 5...
    type Wide = [__m512i; 2];
    type Mask = __mmask16;
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn mantissa(self, a: __m512) -> __m512 {
        unsafe { _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_SRC>(a) }
    }
    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
    }
    #[inline(always)]
    fn or(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn any(self, mask: __mmask16) -> bool {
        mask != 0
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }
    #[inline(always)]
    fn select_u32(self, mask: __mmask16, yes: __m512i, no: __m512i) -> __m512i {
        unsafe { _mm512_mask_blend_epi32(mask, no, yes) }
    }
    #[inline(always)]
    fn splat_u32(self, value: u32) -> __m512i {
        unsafe { _mm512_set1_epi32(value as i32) }
    }
    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_xor_si512(a, b) }
    }
    #[inline(always)]
    fn xor_and(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // Truth table of a ^ (b & c).
        unsafe { _mm512_ternarylogic_epi32::<0x78>(a, b, c) }
    }
    #[inline(always)]
    fn and_or(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // Truth table of (a & b) | c.
        unsafe { _mm512_ternarylogic_epi32::<0xea>(a, b, c) }
    }
    #[inline(always)]
    fn sub_u32(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m512i) -> __m512i {
        unsafe { _mm512_srli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn test(self, a: __m512i, bits: u32) -> __mmask16 {
        unsafe { _mm512_test_epi32_mask(a, self.splat_u32(bits)) }
    }
    #[inline(always)]
    fn bits(self, a: __m512) -> __m512i {
        unsafe { _mm512_castps_si512(a) }
    }
    #[inline(always)]
    fn from_bits(self, a: __m512i) -> __m512 {
        unsafe { _mm512_castsi512_ps(a) }
    }
    #[inline(always)]
    fn signed(self, a: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn unsigned(self, a: __m512i) -> __m512 {
        unsafe { _mm512_cvtepu32_ps(a) }
    }
    #[inline(always)]
    fn counters(self, first: u32) -> [__m512i; 2] {
        unsafe {
            let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
            let even = _mm512_add_epi64(even, _mm512_set1_epi64(i64::from(first)));
            [even, _mm512_add_epi64(even, _mm512_set1_epi64(1))]
        }
    }
    #[inline(always)]
    fn splat_wide(self, value: u32) -> [__m512i; 2] {
        [self.splat_u32(value); 2]
    }
    #[inline(always)]
    fn widening_mul(self, a: [__m512i; 2], factor: u32) -> [__m512i; 2] {
        let factor = self.splat_u32(factor);
        unsafe {
            [
                _mm512_mul_epu32(a[0], factor),
                _mm512_mul_epu32(a[1], factor),
            ]
        }
    }
    #[inline(always)]
    fn xor_wide(self, a: [__m512i; 2], b: [__m512i; 2]) -> [__m512i; 2] {
        [self.xor(a[0], b[0]), self.xor(a[1], b[1])]
    }
    #[inline(always)]
    fn high_xor(self, product: [__m512i; 2], a: [__m512i; 2], b: [__m512i; 2]) -> [__m512i; 2] {
        // Truth table of x ^ y ^ z.
        let xor = |product, a, b| unsafe {
            _mm512_ternarylogic_epi32::<0x96>(_mm512_srli_epi64::<32>(product), a, b)
        };
        [xor(product[0], a[0], b[0]), xor(product[1], a[1], b[1])]
    }
    #[inline(always)]
    fn high(self, [even, odd]: [__m512i; 2]) -> __m512i {
        // The odd counters' upper halves are in place; the even ones' move down beside them.
        unsafe { _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even) }
    }
    #[inline(always)]
    fn low(self, [even, odd]: [__m512i; 2]) -> __m512i {
        unsafe { _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd) }
    }
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, value: __m512) {
        unsafe {
            let bits = self.bits(value);
            let odd = self.and(self.shr::<16>(bits), self.splat_u32(1));
            // Half a step less one, plus one where the kept part is odd: ties go to even.
            let bias = _mm512_add_epi32(odd, self.splat_u32(0x7fff));
            let rounded = self.shr::<16>(_mm512_add_epi32(bits, bias));
            let packed = _mm512_cvtepi32_epi16(rounded);
            _mm256_storeu_si256(to.cast(), packed)
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut f16, value: __m512) {
        unsafe {
            let packed = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
            _mm256_storeu_si256(to.cast(), packed)
        }
    }
}
