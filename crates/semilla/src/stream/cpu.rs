//! The instruction sets, and the way from the CPU at hand to the kernels.

use std::sync::OnceLock;

use super::kernel::{self, Store};
use super::key::Key;
use super::law::Law;
use super::part::Part;
use super::reference::element_f64;
use super::simd::Portable;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};

/// The best instruction set of this CPU, asked once.
#[derive(Clone, Copy)]
pub(crate) enum Cpu {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Cpu {
    pub(crate) fn detected() -> Self {
        static CPU: OnceLock<Cpu> = OnceLock::new();
        *CPU.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = Avx512::detect() {
                return Cpu::Avx512(simd);
            } else if let Some(simd) = Avx2::detect() {
                return Cpu::Avx2(simd);
            }
            Cpu::Portable
        })
    }

    /// Whole units of 128 elements, beginning at unit `first`.
    pub(super) fn fill_units<E: Store>(
        self,
        at: (Key, Part),
        law: &Law<f32>,
        first: u64,
        out: &mut [E],
    ) {
        match self {
            // SAFETY: the value of type Avx512 proves that the CPU has these features.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512(simd) => unsafe { avx512(simd, at, first, law, out) },
            // SAFETY: the value of type Avx2 proves that the CPU has these features.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2(simd) => unsafe { avx2(simd, at, first, law, out) },
            Cpu::Portable => kernel::fill_units(Portable, at, first, law, out),
        }
    }

    /// The elements from `first` on, in double precision.
    pub(super) fn fill_f64(self, at: (Key, Part), law: &Law<f64>, first: u64, out: &mut [f64]) {
        match self {
            // SAFETY: the value of type Avx2 or Avx512 proves that the CPU has these features.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512(_) | Cpu::Avx2(_) => unsafe { f64_fma(at, law, first, out) },
            Cpu::Portable => f64_elements(at, law, first, out),
        }
    }
}

/// # Safety
/// The CPU must have the features: `simd` is the proof.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma,f16c")]
unsafe fn avx512<E: Store>(
    simd: Avx512,
    at: (Key, Part),
    first: u64,
    law: &Law<f32>,
    out: &mut [E],
) {
    kernel::fill_units(simd, at, first, law, out);
}

/// # Safety
/// The CPU must have the features: `simd` is the proof.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2<E: Store>(simd: Avx2, at: (Key, Part), first: u64, law: &Law<f32>, out: &mut [E]) {
    kernel::fill_units(simd, at, first, law, out);
}

/// # Safety
/// The CPU must have the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn f64_fma(at: (Key, Part), law: &Law<f64>, first: u64, out: &mut [f64]) {
    f64_elements(at, law, first, out);
}

#[inline(always)]
fn f64_elements((key, part): (Key, Part), law: &Law<f64>, first: u64, out: &mut [f64]) {
    for (index, value) in (first..).zip(out) {
        *value = element_f64(key, part, index, law);
    }
}
