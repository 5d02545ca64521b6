//! The few vector operations that the kernels are written in, and the choice of who provides them.
//!
//! [`Simd`] has one implementation per instruction set: [`Portable`] (arrays; the compiler maps
//! them to NEON and the like), AVX2 with FMA, and AVX-512. The kernels in `kernel.rs` are written
//! once over it.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use {avx2::Avx2, avx512::Avx512};

/// `LANES` values side by side. A value of the implementing type is proof that this CPU can do it.
///
/// Every operation is exactly the IEEE or integer operation that it names, in every lane.
pub(crate) trait Simd: Copy {
    /// Values per vector; divides 16.
    const LANES: usize;
    /// Floats.
    type F32: Copy;
    /// 32-bit words.
    type U32: Copy;
    /// 32-bit words in 64-bit lanes whose upper halves are anything: operands of a widening
    /// product.
    type Wide: Copy;
    /// A truth value per lane.
    type Mask: Copy;

    fn splat(self, value: f32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sqrt(self, a: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `c - a * b`, rounded once.
    fn neg_mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `if a < b { a } else { b }`.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if a > b { a } else { b }`.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// A positive normal number times the power of two that takes it to [¾, 1½).
    fn mantissa(self, a: Self::F32) -> Self::F32;
    fn greater(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    fn or(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn any(self, mask: Self::Mask) -> bool;
    /// `if mask { yes } else { no }`.
    fn select(self, mask: Self::Mask, yes: Self::F32, no: Self::F32) -> Self::F32;
    fn select_u32(self, mask: Self::Mask, yes: Self::U32, no: Self::U32) -> Self::U32;

    fn splat_u32(self, value: u32) -> Self::U32;
    fn and(self, a: Self::U32, b: Self::U32) -> Self::U32;
    fn xor(self, a: Self::U32, b: Self::U32) -> Self::U32;
    /// `a ^ (b & c)`.
    fn xor_and(self, a: Self::U32, b: Self::U32, c: Self::U32) -> Self::U32;
    /// `(a & b) | c`.
    fn and_or(self, a: Self::U32, b: Self::U32, c: Self::U32) -> Self::U32;
    fn sub_u32(self, a: Self::U32, b: Self::U32) -> Self::U32;
    fn shr<const N: u32>(self, a: Self::U32) -> Self::U32;
    /// Whether any bit of `bits` is set.
    fn test(self, a: Self::U32, bits: u32) -> Self::Mask;
    fn bits(self, a: Self::F32) -> Self::U32;
    #[allow(clippy::wrong_self_convention)]
    fn from_bits(self, a: Self::U32) -> Self::F32;
    /// The nearest float of a signed word.
    fn signed(self, a: Self::U32) -> Self::F32;
    /// The nearest float of an unsigned word.
    fn unsigned(self, a: Self::U32) -> Self::F32;

    /// `first`, `first + 1`...
    fn counters(self, first: u32) -> Self::Wide;
    fn splat_wide(self, value: u32) -> Self::Wide;
    /// The 64-bit product of the low halves with `factor`.
    fn widening_mul(self, a: Self::Wide, factor: u32) -> Self::Wide;
    fn xor_wide(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// The upper half of each product xor the low halves of `a` and `b`.
    fn high_xor(self, product: Self::Wide, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// The upper halves, packed.
    fn high(self, product: Self::Wide) -> Self::U32;
    /// The low halves, packed.
    fn low(self, a: Self::Wide) -> Self::U32;

    /// Asks for the cache line at an address, which is to be written soon. Any address will do.
    fn prefetch(self, at: *const u8);

    /// # Safety
    /// `to` must be valid for writing `LANES` values.
    unsafe fn store(self, to: *mut f32, value: Self::F32);
    /// Rounds to bfloat16 and stores. The values must be finite.
    ///
    /// # Safety
    /// `to` must be valid for writing `LANES` values.
    unsafe fn store_bf16(self, to: *mut half::bf16, value: Self::F32);
    /// Rounds to binary16 and stores.
    ///
    /// # Safety
    /// `to` must be valid for writing `LANES` values.
    unsafe fn store_f16(self, to: *mut half::f16, value: Self::F32);
}
