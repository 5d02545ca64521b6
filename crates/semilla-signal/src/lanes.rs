//! Elements side by side in this CPU's widest registers.

use bytemuck::Pod;
use pulp::{Arch, Simd};

/// Elements that a register holds several of.
pub trait Lanes: Pod {
    /// A register of them.
    type Of<S: Simd>: Pod;

    /// How many it holds.
    fn count<S: Simd>() -> usize {
        size_of::<Self::Of<S>>() / size_of::<Self>()
    }

    /// The same element everywhere.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Of<S>;

    /// `a * b + c`, rounded once where the CPU has that.
    fn mul_add<S: Simd>(simd: S, a: Self::Of<S>, b: Self::Of<S>, c: Self::Of<S>) -> Self::Of<S>;

    /// The sum of a register's elements.
    fn sum<S: Simd>(simd: S, a: Self::Of<S>) -> Self;

    /// The first elements of a run of them.
    #[inline(always)]
    fn load<S: Simd>(from: &[Self]) -> Self::Of<S> {
        bytemuck::pod_read_unaligned(bytemuck::cast_slice(&from[..Self::count::<S>()]))
    }

    /// Puts a register's elements into the first of a run.
    #[inline(always)]
    fn store<S: Simd>(to: &mut [Self], value: Self::Of<S>) {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut to[..Self::count::<S>()]);
        bytes.copy_from_slice(bytemuck::bytes_of(&value));
    }
}

macro_rules! lanes {
    ($scalar:ty, $register:ident, $splat:ident, $mul_add:ident, $sum:ident) => {
        impl Lanes for $scalar {
            type Of<S: Simd> = S::$register;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$register {
                simd.$splat(value)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$register,
                b: S::$register,
                c: S::$register,
            ) -> S::$register {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$register) -> Self {
                simd.$sum(a)
            }
        }
    };
}
lanes!(f32, f32s, splat_f32s, mul_add_e_f32s, reduce_sum_f32s);
lanes!(f64, f64s, splat_f64s, mul_add_e_f64s, reduce_sum_f64s);

/// Runs plain loops compiled for this CPU's widest registers. Their results are the same bits on
/// every CPU. What a closure would hold by reference is better moved into it, and what is long is
/// better a [`NullaryFnOnce`](pulp::NullaryFnOnce) whose `call` is always inlined: only what is
/// inlined is compiled so.
#[inline]
pub(crate) fn widest<R>(loops: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(loops)
}
