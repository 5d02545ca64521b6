//! The four vector operations of a matrix product, for both precisions and every instruction set.
// SAFETY (whole module): a value of `Avx2` or `Avx512` exists only where the CPU has the features
// that the intrinsics need; loads and stores are within what their callers vouch for.
#![allow(clippy::undocumented_unsafe_blocks)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::stream::simd::Portable;
#[cfg(target_arch = "x86_64")]
use crate::stream::simd::{Avx2, Avx512};

/// `LANES` values of `T` side by side; a value of the implementing type is proof that this CPU can
/// do it.
pub(crate) trait Lanes<T>: Copy {
    /// Values per vector.
    const LANES: usize;
    type Vector: Copy;

    fn splat(self, value: T) -> Self::Vector;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// # Safety
    /// `from` must be valid for reading `LANES` values.
    unsafe fn load(self, from: *const T) -> Self::Vector;
    /// # Safety
    /// `to` must be valid for writing `LANES` values.
    unsafe fn store(self, to: *mut T, value: Self::Vector);
    /// Asks for the line of the cache at `from`, which may be anywhere.
    fn prefetch(self, from: *const T);
}

macro_rules! portable {
    ($scalar:ty) => {
        impl Lanes<$scalar> for Portable {
            const LANES: usize = 4;
            type Vector = [$scalar; 4];

            #[inline(always)]
            fn splat(self, value: $scalar) -> Self::Vector {
                [value; 4]
            }
            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $scalar) -> Self::Vector {
                unsafe { from.cast::<Self::Vector>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar, value: Self::Vector) {
                unsafe { to.cast::<Self::Vector>().write_unaligned(value) }
            }
            #[inline(always)]
            fn prefetch(self, _: *const $scalar) {}
        }
    };
}
portable!(f32);
portable!(f64);

#[cfg(target_arch = "x86_64")]
macro_rules! intrinsics {
    ($token:ty, $scalar:ty, $vector:ty, $lanes:literal,
     $splat:ident, $mul_add:ident, $load:ident, $store:ident) => {
        impl Lanes<$scalar> for $token {
            const LANES: usize = $lanes;
            type Vector = $vector;

            #[inline(always)]
            fn splat(self, value: $scalar) -> $vector {
                unsafe { $splat(value) }
            }
            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                unsafe { $mul_add(a, b, c) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $scalar) -> $vector {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar, value: $vector) {
                unsafe { $store(to, value) }
            }
            #[inline(always)]
            fn prefetch(self, from: *const $scalar) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
intrinsics!(
    Avx2,
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps
);
#[cfg(target_arch = "x86_64")]
intrinsics!(
    Avx2,
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd
);
#[cfg(target_arch = "x86_64")]
intrinsics!(
    Avx512,
    f32,
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps
);
#[cfg(target_arch = "x86_64")]
intrinsics!(
    Avx512,
    f64,
    __m512d,
    8,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd
);
