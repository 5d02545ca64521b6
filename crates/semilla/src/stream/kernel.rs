//! The stream's inner loops, written once over [`Simd`]: whole units of two blocks, 128 elements.
//!
//! Two blocks go side by side because ten rounds in a row leave half of a CPU's multipliers
//! waiting.

use half::{bf16, f16};

use super::key::Key;
use super::law::{Law, Truncated};
use super::math;
use super::part::Part;
use super::philox::{MULTIPLIERS, ROUNDS, round_keys};
use super::reference::BLOCK32;
use super::simd::Simd;

/// An element that a vector of `f32` can be rounded and stored to.
pub(crate) trait Store: bytemuck::Pod {
    /// Whether storing takes work of its own.
    const IS_ROUNDED: bool = true;

    /// # Safety
    /// As [`Simd::store`].
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, value: S::F32);
}

impl Store for f32 {
    const IS_ROUNDED: bool = false;

    #[inline(always)]
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, value: S::F32) {
        // SAFETY: the same contract.
        unsafe { simd.store(to, value) }
    }
}

impl Store for bf16 {
    #[inline(always)]
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, value: S::F32) {
        // SAFETY: the same contract.
        unsafe { simd.store_bf16(to, value) }
    }
}

impl Store for f16 {
    #[inline(always)]
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, value: S::F32) {
        // SAFETY: the same contract.
        unsafe { simd.store_f16(to, value) }
    }
}

/// Elements in a unit.
pub(crate) const UNIT: usize = 2 * BLOCK32 as usize;

/// How many bytes ahead of their being written cache lines are asked for: memory answers late, and
/// later still where a page begins.
const AHEAD: usize = 2048;

/// Bytes in a cache line.
const LINE: usize = 64;

/// Fills `out`, whole units beginning at unit `first`, with the law's values.
#[inline(always)]
pub(crate) fn fill_units<S: Simd, E: Store>(
    simd: S,
    (key, part): (Key, Part),
    first: u64,
    law: &Law<f32>,
    out: &mut [E],
) {
    match *law {
        Law::Uniform {
            low,
            step,
            below_high,
        } => {
            let draw = Uniform {
                low: simd.splat(low),
                step: simd.splat(step),
                below_high: simd.splat(below_high),
            };
            each_unit(simd, (key, part), first, &draw, out);
        }
        Law::Normal { mean, std } => {
            let draw = Normal::<S> {
                mean: simd.splat(mean),
                circle: math::Circle::new(std),
                four: !E::IS_ROUNDED,
            };
            each_unit(simd, (key, part), first, &draw, out);
        }
        Law::TruncatedNormal(law) => {
            each_unit(simd, (key, part), first, &law, out);
        }
    }
}

/// Makes values of the four words of a group of counters.
// A trait, not a closure: only a named method can be inlined always, and it must be, or its
// instructions would be compiled without the CPU features that the kernel was entered with.
trait Draw<S: Simd> {
    fn values(&self, simd: S, words: [[S::U32; 4]; 2]) -> [[S::F32; 4]; 2];
}

struct Uniform<S: Simd> {
    low: S::F32,
    step: S::F32,
    below_high: S::F32,
}

impl<S: Simd> Uniform<S> {
    #[inline(always)]
    fn value(&self, simd: S, word: S::U32) -> S::F32 {
        let steps = simd.signed(simd.shr::<8>(word));
        simd.min(self.below_high, simd.mul_add(steps, self.step, self.low))
    }
}

impl<S: Simd> Draw<S> for Uniform<S> {
    #[inline(always)]
    fn values(&self, simd: S, words: [[S::U32; 4]; 2]) -> [[S::F32; 4]; 2] {
        let mut values = [[self.low; 4]; 2];
        for block in 0..2 {
            for word in 0..4 {
                values[block][word] = self.value(simd, words[block][word]);
            }
        }
        values
    }
}

struct Normal<S: Simd> {
    mean: S::F32,
    circle: math::Circle,
    /// Four pairs at a time, or two, where storing needs registers too.
    four: bool,
}

impl<S: Simd> Normal<S> {
    #[inline(always)]
    fn block(&self, simd: S, [r0, a0, r1, a1]: [S::U32; 4]) -> [S::F32; 4] {
        let (cos, sin) = box_muller(simd, [r0, r1], [a0, a1], self.mean, &self.circle);
        [cos[0], sin[0], cos[1], sin[1]]
    }
}

impl<S: Simd> Draw<S> for Normal<S> {
    #[inline(always)]
    fn values(&self, simd: S, [a, b]: [[S::U32; 4]; 2]) -> [[S::F32; 4]; 2] {
        if !self.four {
            return [self.block(simd, a), self.block(simd, b)];
        }
        let radii = [a[0], a[2], b[0], b[2]];
        let angles = [a[1], a[3], b[1], b[3]];
        let (cos, sin) = box_muller(simd, radii, angles, self.mean, &self.circle);
        [
            [cos[0], sin[0], cos[1], sin[1]],
            [cos[2], sin[2], cos[3], sin[3]],
        ]
    }
}

impl<S: Simd> Draw<S> for Truncated<f32> {
    #[inline(always)]
    fn values(&self, simd: S, [a, b]: [[S::U32; 4]; 2]) -> [[S::F32; 4]; 2] {
        [truncated(simd, a, self), truncated(simd, b, self)]
    }
}

/// Draws every unit and stores it.
#[inline(always)]
fn each_unit<S: Simd, E: Store>(
    simd: S,
    (key, part): (Key, Part),
    first: u64,
    draw: &impl Draw<S>,
    out: &mut [E],
) {
    // A unit's 32 counters share their upper word: 2³² is a multiple of 32.
    let mut counter = first * 32;
    let mut opening = Opening::new(key, part, counter);
    let mut lane = 0;
    // The words are made one step ahead of their use, so that a CPU can work on two steps at once.
    let mut ahead = words(simd, &opening, [counter as u32, counter as u32 + 16]);
    let mut rest = size_of_val(out);
    for unit in out.chunks_exact_mut(UNIT) {
        let size = size_of_val(unit);
        // What lies behind `out` may be another thread's.
        if rest >= AHEAD + size {
            let soon = unit.as_ptr().cast::<u8>().wrapping_add(AHEAD);
            for line in (0..size).step_by(LINE) {
                simd.prefetch(soon.wrapping_add(line));
            }
        }
        rest -= size;
        for here in (0..16).step_by(S::LANES) {
            let current = ahead;
            lane += S::LANES;
            if lane == 16 {
                lane = 0;
                counter += 32;
                if counter as u32 == 0 {
                    opening = Opening::new(key, part, counter);
                }
            }
            let low = counter as u32 + lane as u32;
            ahead = words(simd, &opening, [low, low + 16]);
            for (block, values) in draw.values(simd, current).into_iter().enumerate() {
                for (word, value) in values.into_iter().enumerate() {
                    // SAFETY: the offset and LANES are at most 128 together, the unit's length.
                    unsafe {
                        let to = unit.as_mut_ptr().add(block * 64 + word * 16 + here);
                        E::store(simd, to, value);
                    }
                }
            }
        }
    }
}

/// The first two rounds of the counter's constant words, made once for 2³² counters.
struct Opening {
    keys: [[u32; 2]; ROUNDS],
    /// The first round's constant contribution to word 2.
    word2: u32,
    /// The second round's: to words 0 and 2, and the whole of word 3.
    second: [u32; 3],
}

impl Opening {
    fn new(key: Key, Part(part): Part, counter: u64) -> Self {
        let keys = round_keys(key.words());
        let [m0, m1] = MULTIPLIERS.map(u64::from);
        let product = m1 * (part & 0xffff_ffff);
        let word0 = (product >> 32) as u32 ^ (counter >> 32) as u32 ^ keys[0][0];
        let word1 = product as u32;
        let second = m0 * u64::from(word0);
        Self {
            word2: (part >> 32) as u32 ^ keys[0][1],
            second: [
                word1 ^ keys[1][0],
                (second >> 32) as u32 ^ keys[1][1],
                second as u32,
            ],
            keys,
        }
    }
}

/// The four words of two groups of `LANES` counters; `first` are the low words that the groups
/// begin at.
///
/// In the first round only word 0 varies from counter to counter, in the second only words 2 and 3:
/// two of the twenty products are needed once, not per counter.
#[inline(always)]
fn words<S: Simd>(simd: S, opening: &Opening, first: [u32; 2]) -> [[S::U32; 4]; 2] {
    let [m0, m1] = MULTIPLIERS;
    let wide = |word| simd.splat_wide(word);
    let zero = wide(0);
    let [mut x0, mut x1, mut x2, mut x3] = [[zero; 2]; 4];
    for group in 0..2 {
        let product = simd.widening_mul(simd.counters(first[group]), m0);
        let word2 = simd.high_xor(product, wide(opening.word2), zero);
        x2[group] = simd.xor_wide(product, wide(opening.second[1]));
        let product = simd.widening_mul(word2, m1);
        x0[group] = simd.high_xor(product, wide(opening.second[0]), zero);
        x1[group] = product;
        x3[group] = wide(opening.second[2]);
    }
    // Written out: the compiler keeps a loop of this size rolled, and its keys in memory.
    macro_rules! rounds {
        ($($round:literal)*) => {$(
            let [k0, k1] = opening.keys[$round];
            for group in 0..2 {
                let p0 = simd.widening_mul(x0[group], m0);
                let p1 = simd.widening_mul(x2[group], m1);
                x0[group] = simd.high_xor(p1, x1[group], wide(k0));
                x1[group] = p1;
                x2[group] = simd.high_xor(p0, x3[group], wide(k1));
                x3[group] = p0;
            }
        )*};
    }
    rounds!(2 3 4 5 6 7 8);
    // The last round leaves 32-bit lanes.
    let [k0, k1] = opening.keys[ROUNDS - 1];
    let (k0, k1) = (simd.splat_u32(k0), simd.splat_u32(k1));
    let mut out = [[k0; 4]; 2];
    for group in 0..2 {
        let p0 = simd.widening_mul(x0[group], m0);
        let p1 = simd.widening_mul(x2[group], m1);
        let word0 = simd.xor(simd.xor(simd.high(p1), simd.low(x1[group])), k0);
        let word2 = simd.xor(simd.xor(simd.high(p0), simd.low(x3[group])), k1);
        out[group] = [word0, simd.low(p1), word2, simd.low(p0)];
    }
    out
}

// `A` vectors go through a formula side by side: one chain of dependent operations leaves a CPU
// waiting, and too many have no room in its registers.

#[inline(always)]
fn polynomial<S: Simd, const N: usize, const A: usize>(
    simd: S,
    coefficients: &[f32; N],
    x: [S::F32; A],
) -> [S::F32; A] {
    let mut sum = [simd.splat(coefficients[N - 1]); A];
    for &c in coefficients[..N - 1].iter().rev() {
        let c = simd.splat(c);
        for i in 0..A {
            sum[i] = simd.mul_add(sum[i], x[i], c);
        }
    }
    sum
}

/// See [`math::minus_2_ln`].
#[inline(always)]
fn minus_2_ln<S: Simd, const A: usize>(simd: S, u: [S::F32; A]) -> [S::F32; A] {
    let (one, factor) = (simd.splat(1.0), simd.splat(math::MINUS_2_LN_2_SHIFTED));
    let (mut f, mut exponent) = (u, u);
    for i in 0..A {
        let mantissa = simd.mantissa(u[i]);
        exponent[i] = simd.signed(simd.sub_u32(simd.bits(u[i]), simd.bits(mantissa)));
        f[i] = simd.sub(mantissa, one);
    }
    let mut result = polynomial(simd, &math::MINUS_2_LN, f);
    for i in 0..A {
        result[i] = simd.mul_add(f[i], result[i], simd.mul(exponent[i], factor));
    }
    result
}

/// See [`math::box_muller`].
#[inline(always)]
fn box_muller<S: Simd, const A: usize>(
    simd: S,
    radii: [S::U32; A],
    angles: [S::U32; A],
    mean: S::F32,
    circle: &math::Circle,
) -> ([S::F32; A], [S::F32; A]) {
    let mut radius = minus_2_ln(simd, open_unit(simd, radii));
    let sign = simd.splat_u32(1 << 31);
    for i in 0..A {
        // The half of the circle: the sign of both coordinates, so of the radius.
        let length = simd.sqrt(radius[i]);
        radius[i] = simd.from_bits(simd.xor_and(simd.bits(length), angles[i], sign));
    }
    let (lower, two) = (simd.splat_u32(0x007f_ffff), simd.splat_u32(2f32.to_bits()));
    let three = simd.splat(3.0);
    let (mut y, mut y2) = (radius, radius);
    for i in 0..A {
        y[i] = simd.sub(simd.from_bits(simd.and_or(angles[i], lower, two)), three);
        y2[i] = simd.mul(y[i], y[i]);
    }
    let mut sin = polynomial(simd, &circle.sin, y2);
    let mut cos = polynomial(simd, &circle.cos, y2);
    for i in 0..A {
        sin[i] = simd.mul_add(radius[i], simd.mul(y[i], sin[i]), mean);
        cos[i] = simd.mul_add(radius[i], cos[i], mean);
    }
    (cos, sin)
}

/// See [`math::open_unit`].
#[inline(always)]
fn open_unit<S: Simd, const A: usize>(simd: S, words: [S::U32; A]) -> [S::F32; A] {
    let (scale, half) = (
        simd.splat(math::TWO_POW_MINUS_32),
        simd.splat(math::TWO_POW_MINUS_33),
    );
    let mut unit = [half; A];
    for i in 0..A {
        unit[i] = simd.mul_add(simd.unsigned(words[i]), scale, half);
    }
    unit
}

/// See [`Truncated::value`].
#[inline(always)]
fn truncated<S: Simd, const A: usize>(
    simd: S,
    words: [S::U32; A],
    law: &Truncated<f32>,
) -> [S::F32; A] {
    let (scale, half) = (
        simd.splat(math::TWO_POW_MINUS_32),
        simd.splat(math::TWO_POW_MINUS_33),
    );
    let (mass, centre) = (simd.splat(law.mass), simd.splat(law.centre));
    let (sign, limit) = (simd.splat_u32(1 << 31), simd.splat(math::CENTRAL_SQUARED));
    let mut q = [half; A];
    let mut r = [half; A];
    for i in 0..A {
        let centred = simd.mul_add(simd.signed(simd.xor(words[i], sign)), scale, half);
        q[i] = simd.mul_add(centred, mass, centre);
        r[i] = simd.neg_mul_add(q[i], q[i], limit);
    }
    let numerator = polynomial(simd, &math::CENTRAL_NUMERATOR, r);
    let denominator = polynomial(simd, &math::CENTRAL_DENOMINATOR, r);
    let mut z = [half; A];
    let mut in_tail = simd.greater(half, half);
    for i in 0..A {
        z[i] = simd.mul(q[i], simd.div(numerator[i], denominator[i]));
        in_tail = simd.or(in_tail, tail_mask(simd, q[i]));
    }
    if simd.any(in_tail) {
        z = tails(simd, words, q, z, law);
    }
    let (mean, std) = (simd.splat(law.mean), simd.splat(law.std));
    let (low, high) = (simd.splat(law.low), simd.splat(law.high));
    for value in &mut z {
        *value = simd.min(high, simd.max(low, simd.mul_add(*value, std, mean)));
    }
    z
}

/// Where a quantile takes the tail branch.
#[inline(always)]
fn tail_mask<S: Simd>(simd: S, q: S::F32) -> S::Mask {
    let magnitude = simd.from_bits(simd.and(simd.bits(q), simd.splat_u32(0x7fff_ffff)));
    simd.greater(magnitude, simd.splat(math::CENTRAL))
}

/// The tail branch of [`Truncated::value`], in the lanes that are in a tail.
#[inline(always)]
fn tails<S: Simd, const A: usize>(
    simd: S,
    words: [S::U32; A],
    q: [S::F32; A],
    mut z: [S::F32; A],
    law: &Truncated<f32>,
) -> [S::F32; A] {
    let (mass, sign) = (simd.splat(law.mass), simd.splat_u32(1 << 31));
    let (below, above) = (simd.splat(law.below), simd.splat(law.above));
    let flip = simd.splat_u32(u32::MAX);
    let mut chosen = words;
    for i in 0..A {
        let lower = simd.test(simd.bits(q[i]), 1 << 31);
        chosen[i] = simd.select_u32(lower, words[i], simd.xor(words[i], flip));
    }
    let mut p = open_unit(simd, chosen);
    for i in 0..A {
        let lower = simd.test(simd.bits(q[i]), 1 << 31);
        p[i] = simd.mul_add(p[i], mass, simd.select(lower, below, above));
    }
    let mut s = minus_2_ln(simd, p);
    for s in &mut s {
        *s = simd.sqrt(*s);
    }
    let numerator = polynomial(simd, &math::TAIL_NUMERATOR, s);
    let denominator = polynomial(simd, &math::TAIL_DENOMINATOR, s);
    for i in 0..A {
        let tail = simd.bits(simd.div(numerator[i], denominator[i]));
        let tail = simd.from_bits(simd.xor_and(tail, simd.bits(q[i]), sign));
        z[i] = simd.select(tail_mask(simd, q[i]), tail, z[i]);
    }
    z
}

/// Keeps the two forms of a polynomial from drifting apart.
#[cfg(test)]
mod tests {
    use super::super::simd::Portable;
    use super::*;

    #[test]
    fn polynomial_is_horner() {
        for x in [0.0f32, 0.3, -1.7] {
            assert_eq!(
                polynomial(Portable, &math::SIN, [[x; 8]; 4])[3][7],
                math::horner(&math::SIN, x)
            );
        }
    }
}
