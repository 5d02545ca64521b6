//! C += A B, with the same bits on every CPU: each element of C is one chain of fused
//! multiply-adds, in ascending order of the summed index. Tiles, vectors and panels change which
//! element comes when, never the chain.

use super::lanes::Lanes;
#[cfg(target_arch = "x86_64")]
use crate::stream::simd::{Avx2, Avx512};
use crate::stream::{Cpu, Law, Stream, simd::Portable};

/// The summed index is taken in runs of this many: a run of B's group stays in the first-level
/// cache.
const RUN: usize = 128;

/// B is asked for so many rows before it is needed: the time that it takes to come from the
/// third-level cache.
const AHEAD: usize = 16;

/// The rows and columns of C that are kept in registers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

/// A row-major.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a [T],
    /// From row to row.
    pub(crate) stride: usize,
}

/// B in groups of [`Tile::cols`] columns: a group holds its columns' values, row after row.
#[derive(Clone, Copy)]
pub(crate) struct Groups<'a, T> {
    pub(crate) data: &'a [T],
    /// From group to group.
    pub(crate) stride: usize,
}

/// C, wherever its rows and groups of columns lie.
pub(crate) struct Target<'a, T> {
    pub(crate) data: &'a mut [T],
    /// From row to row.
    pub(crate) row: usize,
    /// From group to group.
    pub(crate) group: usize,
}

/// How much is multiplied: `rows` must be a multiple of [`Tile::rows`].
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rows: usize,
    pub(crate) groups: usize,
    pub(crate) depth: usize,
}

/// The precisions that matrices are made in.
pub(crate) trait Scalar: bytemuck::Pod + Send + Sync {
    /// Rounds to nearest.
    fn of(value: f64) -> Self;
    /// Exact.
    fn f64(self) -> f64;
    fn times(self, factor: Self) -> Self;
    /// Standard normals: the elements `first..first + out.len()` of the stream.
    fn normals(stream: Stream, first: u64, out: &mut [Self]);
    /// The tile that fits this CPU's registers.
    fn tile(cpu: Cpu) -> Tile;

    /// C += A B.
    ///
    /// # Panics
    /// If the extent reaches beyond a slice, or cuts a tile.
    fn add_product(cpu: Cpu, extent: Extent, a: Rows<Self>, b: Groups<Self>, c: Target<Self>);
}

macro_rules! scalar {
    ($scalar:ty, $avx512:ident, $avx2:ident, $normals:expr) => {
        impl Scalar for $scalar {
            fn of(value: f64) -> Self {
                value as Self
            }
            fn f64(self) -> f64 {
                self.into()
            }
            fn times(self, factor: Self) -> Self {
                self * factor
            }
            fn normals(stream: Stream, first: u64, out: &mut [Self]) {
                let (mean, std) = (0.0, 1.0);
                $normals(stream, &Law::Normal { mean, std }, first, out);
            }
            fn tile(cpu: Cpu) -> Tile {
                let (rows, lanes) = match cpu {
                    #[cfg(target_arch = "x86_64")]
                    Cpu::Avx512(_) => (12, <Avx512 as Lanes<Self>>::LANES),
                    #[cfg(target_arch = "x86_64")]
                    Cpu::Avx2(_) => (6, <Avx2 as Lanes<Self>>::LANES),
                    Cpu::Portable => (6, <Portable as Lanes<Self>>::LANES),
                };
                let cols = VECTORS * lanes;
                Tile { rows, cols }
            }

            fn add_product(
                cpu: Cpu,
                extent: Extent,
                a: Rows<Self>,
                b: Groups<Self>,
                c: Target<Self>,
            ) {
                if extent.rows == 0 || extent.groups == 0 || extent.depth == 0 {
                    return;
                }
                check(Self::tile(cpu), extent, &a, &b, &c);
                // SAFETY: the extent was checked, and a value of type Avx512 or Avx2 proves that
                // the CPU has these features.
                unsafe {
                    match cpu {
                        #[cfg(target_arch = "x86_64")]
                        Cpu::Avx512(simd) => $avx512(simd, extent, a, b, c),
                        #[cfg(target_arch = "x86_64")]
                        Cpu::Avx2(simd) => $avx2(simd, extent, a, b, c),
                        Cpu::Portable => tiles::<Self, Portable, 6>(Portable, extent, a, b, c),
                    }
                }
            }
        }

        /// # Safety
        /// As [`tiles`]; the CPU must have the features: `simd` is the proof.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn $avx512(
            simd: Avx512,
            extent: Extent,
            a: Rows<$scalar>,
            b: Groups<$scalar>,
            c: Target<$scalar>,
        ) {
            // SAFETY: the same contract.
            unsafe { tiles::<$scalar, Avx512, 12>(simd, extent, a, b, c) }
        }

        /// # Safety
        /// As [`tiles`]; the CPU must have the features: `simd` is the proof.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $avx2(
            simd: Avx2,
            extent: Extent,
            a: Rows<$scalar>,
            b: Groups<$scalar>,
            c: Target<$scalar>,
        ) {
            // SAFETY: the same contract.
            unsafe { tiles::<$scalar, Avx2, 6>(simd, extent, a, b, c) }
        }
    };
}
scalar!(f32, avx512_f32, avx2_f32, Stream::fill_f32::<f32>);
scalar!(f64, avx512_f64, avx2_f64, Stream::fill_f64);

/// Vectors side by side in a tile.
const VECTORS: usize = 2;

fn check<T>(tile: Tile, extent: Extent, a: &Rows<T>, b: &Groups<T>, c: &Target<T>) {
    let (last_row, last_group) = (extent.rows - 1, extent.groups - 1);
    assert_eq!(extent.rows % tile.rows, 0, "whole tiles");
    assert!(last_row * a.stride + extent.depth <= a.data.len(), "A");
    assert!(
        last_group * b.stride + extent.depth * tile.cols <= b.data.len(),
        "B"
    );
    assert!(
        last_row * c.row + last_group * c.group + tile.cols <= c.data.len(),
        "C"
    );
}

/// # Safety
/// The extent must have passed [`check`].
#[inline(always)]
unsafe fn tiles<T: Copy, S: Lanes<T>, const ROWS: usize>(
    simd: S,
    extent: Extent,
    a: Rows<T>,
    b: Groups<T>,
    c: Target<T>,
) {
    let cols = VECTORS * S::LANES;
    let (from_a, from_b, to_c) = (a.data.as_ptr(), b.data.as_ptr(), c.data.as_mut_ptr());
    for start in (0..extent.depth).step_by(RUN) {
        let depth = RUN.min(extent.depth - start);
        for group in 0..extent.groups {
            for row in (0..extent.rows).step_by(ROWS) {
                // SAFETY: the extent passed `check`.
                unsafe {
                    tile::<T, S, ROWS>(
                        simd,
                        depth,
                        from_a.add(row * a.stride + start),
                        a.stride,
                        from_b.add(group * b.stride + start * cols),
                        to_c.add(row * c.row + group * c.group),
                        c.row,
                    );
                }
            }
        }
    }
}

/// One tile of C, in registers from the first product to the last.
///
/// # Safety
/// A must hold `ROWS` rows of `depth`, B `depth` rows of a tile's columns, C a tile.
#[inline(always)]
unsafe fn tile<T: Copy, S: Lanes<T>, const ROWS: usize>(
    simd: S,
    depth: usize,
    a: *const T,
    a_stride: usize,
    b: *const T,
    c: *mut T,
    c_stride: usize,
) {
    // SAFETY: the caller's contract bounds every offset.
    unsafe {
        let mut sums = [[simd.load(c); VECTORS]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            for (vector, sum) in sums.iter_mut().enumerate() {
                *sum = simd.load(c.add(row * c_stride + vector * S::LANES));
            }
        }
        for k in 0..depth {
            let b = b.add(k * VECTORS * S::LANES);
            let columns = [simd.load(b), simd.load(b.add(S::LANES))];
            let ahead = b.wrapping_add(AHEAD * VECTORS * S::LANES);
            simd.prefetch(ahead);
            simd.prefetch(ahead.wrapping_add(S::LANES));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = simd.splat(*a.add(row * a_stride + k));
                for (sum, column) in sums.iter_mut().zip(&columns) {
                    *sum = simd.mul_add(factor, *column, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                simd.store(c.add(row * c_stride + vector * S::LANES), *sum);
            }
        }
    }
}
