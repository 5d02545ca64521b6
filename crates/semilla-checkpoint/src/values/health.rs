//! The health of values on their way from a checkpoint: counts, extremes, and an exact sum
//! of squares.
//!
//! Everything here is the same whatever the order in which pieces are put together, and on every
//! machine.

use std::marker::PhantomData;

use semilla::DType;

use crate::values::elements::{BLOCK, Real, Stored, aligned, with_float};
use crate::values::vectors::{Job, widest};

/// Counts and extremes of the values that a tensor took from a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Elements that were looked at.
    pub elements: u64,
    /// NaN or infinite in the checkpoint; the other figures leave them out.
    pub non_finite: u64,
    /// Zeros in the checkpoint.
    pub zeros: u64,
    /// Not zero, and smaller than the least normal number of the checkpoint's type.
    pub denormal: u64,
    /// Below zero.
    pub negative: u64,
    /// Finite in the checkpoint, beyond the range of the new type.
    pub overflowed: u64,
    /// Not zero in the checkpoint, zero in the new type.
    pub flushed: u64,
    min: f64,
    max: f64,
    squares: ExactSum,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            elements: 0,
            non_finite: 0,
            zeros: 0,
            denormal: 0,
            negative: 0,
            overflowed: 0,
            flushed: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            squares: ExactSum::default(),
        }
    }
}

impl Health {
    /// Both together: the same in any order and grouping.
    pub fn and(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            non_finite: self.non_finite + other.non_finite,
            zeros: self.zeros + other.zeros,
            denormal: self.denormal + other.denormal,
            negative: self.negative + other.negative,
            overflowed: self.overflowed + other.overflowed,
            flushed: self.flushed + other.flushed,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            squares: self.squares.and(other.squares),
        }
    }

    /// Whether every element is zero, and there are any.
    pub fn is_all_zero(&self) -> bool {
        self.elements > 0 && self.zeros == self.elements
    }

    /// The least and the greatest finite value; `None` if there is none, and for integers.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }

    /// The one value of all elements, if there are several and all are the same.
    pub fn constant(&self) -> Option<f64> {
        let (min, max) = self.range()?;
        (self.elements > 1 && self.non_finite == 0 && min == max).then_some(min)
    }

    /// The root of the mean of the squares of the finite values; `None` if there is none, and for
    /// integers.
    pub fn rms(&self) -> Option<f64> {
        self.range()?;
        let finite = self.elements - self.non_finite;
        Some((self.squares.value() / finite as f64).sqrt())
    }
}

/// A sum of numbers that are not negative, which no order changes: the whole range of `f64` in
/// fixed point, in units of 2⁻¹⁰⁷⁴ (Kulisch & Miranker, *Computer Arithmetic in Theory and
/// Practice*, 1981, chapter 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ExactSum([u64; 34]);

impl Default for ExactSum {
    fn default() -> Self {
        Self([0; 34])
    }
}

impl ExactSum {
    /// One number; what is infinite counts as the greatest finite one.
    fn of(value: f64) -> Self {
        let bits = value.min(f64::MAX).to_bits();
        let exponent = (bits >> 52) as usize;
        let normal = u64::from(exponent > 0) << 52;
        let place = exponent.saturating_sub(1);
        let wide = u128::from(bits & ((1 << 52) - 1) | normal) << (place % 64);
        let mut sum = Self::default();
        (sum.0[place / 64], sum.0[place / 64 + 1]) = (wide as u64, (wide >> 64) as u64);
        sum
    }

    fn and(mut self, other: Self) -> Self {
        let mut carry = false;
        for (own, more) in self.0.iter_mut().zip(other.0) {
            (*own, carry) = own.carrying_add(more, carry);
        }
        self
    }

    /// The sum, rounded.
    fn value(self) -> f64 {
        let Some(top) = self.0.iter().rposition(|&limb| limb > 0) else {
            return 0.0;
        };
        let limb = |below: usize| top.checked_sub(below).map_or(0, |at| self.0[at]) as f64;
        let leading = limb(0) + limb(1) * 2f64.powi(-64);
        // In two steps: the power itself may be beyond an f64.
        let exponent = 64 * top as i32 - 1074;
        leading * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
    }
}

/// How many little-endian elements are NaN or infinite.
pub(crate) fn non_finite(dtype: DType, bytes: &[u8]) -> u64 {
    with_float!(dtype, E => widest(NonFinite::<E>(bytes, PhantomData)), else 0)
}

struct NonFinite<'a, E>(&'a [u8], PhantomData<E>);

impl<E: Stored> Job for NonFinite<'_, E> {
    type Done = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let (mut held, mut wide) = ([E::default(); BLOCK], [E::Wide::default(); BLOCK]);
        let blocks = self.0.chunks(BLOCK * size_of::<E>());
        let of_block = |bytes| -> u32 {
            let values = E::widen(aligned(bytes, &mut held), &mut wide);
            values.iter().map(|v| u32::from(!v.is_finite())).sum()
        };
        blocks.map(of_block).map(u64::from).sum()
    }
}

/// Looks at the values of little-endian elements.
pub(crate) fn look(dtype: DType, bytes: &[u8]) -> Health {
    if !dtype.is_float() {
        let zeros = bytes
            .chunks_exact(dtype.size())
            .filter(|element| element.iter().all(|&b| b == 0));
        return Health {
            elements: (bytes.len() / dtype.size()) as u64,
            zeros: zeros.count() as u64,
            ..Health::default()
        };
    }
    with_float!(dtype, E => widest(Look::<E>(bytes, PhantomData)), else Health::default())
}

struct Look<'a, E>(&'a [u8], PhantomData<E>);

impl<E: Stored> Job for Look<'_, E> {
    type Done = Health;

    #[inline(always)]
    fn run(self) -> Health {
        let mut tally = Tally::<E::Wide>::of::<E>();
        let (mut held, mut wide) = ([E::default(); BLOCK], [E::Wide::default(); BLOCK]);
        for bytes in self.0.chunks(BLOCK * size_of::<E>()) {
            tally.take(E::widen(aligned(bytes, &mut held), &mut wide));
        }
        tally.health()
    }
}

/// Values side by side: sums and extremes are kept by lane, the same lanes on every machine.
const LANES: usize = 16;

/// The figures of values of one type, on their way into a [`Health`].
pub(crate) struct Tally<T> {
    /// The least normal number of the type that the values are stored in.
    tiny: T,
    elements: u64,
    non_finite: u64,
    zeros: u64,
    /// Zeros and denormals.
    small: u64,
    negative: u64,
    min: [T; LANES],
    max: [T; LANES],
    squares: [f64; LANES],
}

impl<T: Real> Tally<T> {
    /// Nothing yet, of values that are stored as `E`.
    #[inline(always)]
    pub(crate) fn of<E: Stored<Wide = T>>() -> Self {
        Self {
            tiny: E::TINY,
            elements: 0,
            non_finite: 0,
            zeros: 0,
            small: 0,
            negative: 0,
            min: [T::INFINITY; LANES],
            max: [T::NEG_INFINITY; LANES],
            squares: [0.0; LANES],
        }
    }

    /// Takes a block of values.
    #[inline(always)]
    pub(crate) fn take(&mut self, values: &[T]) {
        self.elements += values.len() as u64;
        if values
            .iter()
            .map(|v| u32::from(!v.is_finite()))
            .sum::<u32>()
            == 0
        {
            self.take_finite(values);
        } else {
            self.take_the_finite(values);
        }
    }

    #[cold]
    fn take_the_finite(&mut self, values: &[T]) {
        let finite: Vec<T> = values.iter().copied().filter(|v| v.is_finite()).collect();
        self.non_finite += (values.len() - finite.len()) as u64;
        self.take_finite(&finite);
    }

    #[inline(always)]
    fn take_finite(&mut self, values: &[T]) {
        // A loop for each figure: simple ones become vector code, and the block stays in the
        // nearest cache.
        let zeros: u32 = values.iter().map(|&v| u32::from(v == T::ZERO)).sum();
        let small: u32 = values.iter().map(|&v| u32::from(v.abs() < self.tiny)).sum();
        let negative: u32 = values.iter().map(|&v| u32::from(v < T::ZERO)).sum();
        self.zeros += u64::from(zeros);
        self.small += u64::from(small);
        self.negative += u64::from(negative);
        let (whole, rest) = values.as_chunks::<LANES>();
        // Copies, so that they stay in registers.
        let mut kept = (self.min, self.max, self.squares);
        let (min, max, squares) = (&mut kept.0, &mut kept.1, &mut kept.2);
        let mut step = |lane: usize, value: T| {
            min[lane] = if value < min[lane] { value } else { min[lane] };
            max[lane] = if value > max[lane] { value } else { max[lane] };
            let wide: f64 = value.into();
            squares[lane] += wide * wide;
        };
        for lanes in whole {
            (0..LANES).for_each(|lane| step(lane, lanes[lane]));
        }
        (0..rest.len()).for_each(|lane| step(lane, rest[lane]));
        (self.min, self.max, self.squares) = kept;
    }

    /// All that was taken.
    #[inline(always)]
    pub(crate) fn health(&self) -> Health {
        let wide = |values: [T; LANES]| values.map(Into::<f64>::into);
        Health {
            elements: self.elements,
            non_finite: self.non_finite,
            zeros: self.zeros,
            denormal: self.small - self.zeros,
            negative: self.negative,
            overflowed: 0,
            flushed: 0,
            min: wide(self.min).into_iter().fold(f64::INFINITY, f64::min),
            max: wide(self.max).into_iter().fold(f64::NEG_INFINITY, f64::max),
            squares: ExactSum::of(self.squares.iter().sum()),
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn of(values: &[f32]) -> Health {
        look(DType::F32, bytemuck::cast_slice(values))
    }

    /// As many values as several blocks and a rest, of many magnitudes.
    fn varied() -> Vec<f32> {
        let value = |i: u32| f32::from_bits(i.wrapping_mul(0x9e37_79b9));
        (0..5003).map(value).filter(|v| v.is_finite()).collect()
    }

    #[test]
    fn figures_are_exact() {
        let health = of(&[3.0, -4.0, 0.0, -0.0, 1e-40, f32::NAN, f32::NEG_INFINITY]);
        assert_eq!((health.elements, health.non_finite), (7, 2));
        assert_eq!((health.zeros, health.denormal, health.negative), (2, 1, 1));
        assert_eq!(health.range(), Some((-4.0, 3.0)));
        assert_eq!(health.rms(), Some(5f64.sqrt()));
        assert_eq!(health.constant(), None);
        assert!(!health.is_all_zero());
        let none = of(&[f32::NAN]);
        assert_eq!((none.range(), none.rms()), (None, None));
        assert_eq!(of(&[]), Health::default());
        assert_eq!(of(&[0.5; 2000]).constant(), Some(0.5));
        assert_eq!(of(&[0.5]).constant(), None);
        assert!(of(&[0.0, -0.0]).is_all_zero());
    }

    #[test]
    fn what_is_not_finite_is_counted_alike() {
        let values: Vec<f32> = (0..5003u32)
            .map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)))
            .chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX])
            .collect();
        let bytes = bytemuck::cast_slice(&values);
        for dtype in [
            DType::F32,
            DType::BF16,
            DType::F16,
            DType::F8E5M2,
            DType::I32,
        ] {
            assert_eq!(non_finite(dtype, bytes), look(dtype, bytes).non_finite);
        }
        assert!(non_finite(DType::F32, bytes) >= 3);
    }

    #[test]
    fn a_denormal_is_one_of_the_stored_type() {
        // 2⁻¹⁵ is a denormal as binary16, and none as binary32.
        let small = 2f32.powi(-15);
        let half = look(DType::F16, &f16::from_f32(small).to_le_bytes());
        assert_eq!((half.denormal, of(&[small]).denormal), (1, 0));
        assert_eq!(half.rms(), Some(2f64.powi(-15)));
        let least = look(DType::F8E4M3, &[0x07, 0x08, 0x87, 0x00]);
        assert_eq!((least.denormal, least.zeros, least.negative), (2, 1, 1));
        let integers = look(DType::I32, &[0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!((integers.zeros, integers.rms()), (1, None));
    }

    #[test]
    fn pieces_in_any_order_and_grouping_are_the_same() {
        let values = varied();
        let pieces: Vec<Health> = values.chunks(700).map(of).collect();
        let all = |order: &mut dyn Iterator<Item = &Health>| {
            order.fold(Health::default(), |sum, piece| sum.and(*piece))
        };
        let forward = all(&mut pieces.iter());
        assert_eq!(forward, all(&mut pieces.iter().rev()));
        let (left, right) = pieces.split_at(3);
        assert_eq!(forward, all(&mut right.iter()).and(all(&mut left.iter())));
        let squares: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let rms = (squares / values.len() as f64).sqrt();
        assert!((forward.rms().unwrap() / rms - 1.0).abs() < 1e-12);
    }

    #[test]
    fn every_kind_of_vectors_sees_the_same() {
        let values = varied();
        let plain = Look::<f32>(bytemuck::cast_slice(&values), PhantomData).run();
        assert_eq!(plain, of(&values));
    }

    #[test]
    fn sums_keep_every_bit() {
        let sum = |values: &[f64]| {
            let each = values.iter().map(|&value| ExactSum::of(value));
            each.fold(ExactSum::default(), ExactSum::and).value()
        };
        assert_eq!(sum(&[]), 0.0);
        for value in [
            f64::from_bits(1),
            f64::MIN_POSITIVE,
            0.1,
            1.0,
            1e200,
            f64::MAX,
        ] {
            assert_eq!(sum(&[value]), value);
        }
        // A naive sum of these loses all of the small ones.
        let small = vec![2f64.powi(-60); 1 << 10];
        assert_eq!(sum(&[&[1.0], &small[..]].concat()), 1.0 + 2f64.powi(-50));
        assert_eq!(sum(&[&[1e300], &small[..]].concat()), 1e300);
        assert_eq!(sum(&[f64::INFINITY]), f64::MAX);
    }
}
