//! The stream, one element at a time: the specification as code, slow and plain.
//!
//! The fast kernels are held against these functions bit for bit.

use super::key::Key;
use super::law::Law;
use super::math;
use super::part::Part;
use super::philox::philox4x32_10;

/// Elements in a block of 16 counters of the 32-bit stream: each counter gives four.
pub(crate) const BLOCK32: u64 = 64;
/// Elements in a block of 16 counters of the 64-bit stream: each counter gives two.
pub(crate) const BLOCK64: u64 = 32;

/// The four words of a counter.
#[inline(always)]
pub(crate) fn words(key: Key, part: Part, counter: u64) -> [u32; 4] {
    let Part(part) = part;
    let counter = [
        counter as u32,
        (counter >> 32) as u32,
        part as u32,
        (part >> 32) as u32,
    ];
    philox4x32_10(counter, key.words())
}

/// The counter that gives element `index` its bits, and which of the counter's four words they are.
#[inline(always)]
fn locate(index: u64) -> (u64, usize) {
    (
        index / BLOCK32 * 16 + index % 16,
        (index % BLOCK32 / 16) as usize,
    )
}

/// The 32 random bits of element `index`.
pub(crate) fn word(key: Key, part: Part, index: u64) -> u32 {
    let (counter, word) = locate(index);
    words(key, part, counter)[word]
}

/// The random bits of a block of elements: [`word`] of each.
pub(crate) fn block32(key: Key, part: Part, block: u64) -> [u32; BLOCK32 as usize] {
    let mut bits = [0; BLOCK32 as usize];
    for column in 0..16 {
        let words = words(
            key,
            part,
            block.wrapping_mul(16).wrapping_add(column as u64),
        );
        for (row, word) in words.into_iter().enumerate() {
            bits[row * 16 + column] = word;
        }
    }
    bits
}

/// Element `index` of a `f32` tensor (and, rounded, of every lower precision).
pub(crate) fn element_f32(key: Key, part: Part, index: u64, law: &Law<f32>) -> f32 {
    let (counter, word) = locate(index);
    let words = words(key, part, counter);
    match *law {
        Law::Uniform {
            low,
            step,
            below_high,
        } => math::at_most(((words[word] >> 8) as f32).mul_add(step, low), below_high),
        Law::Normal { mean, std } => {
            let (cos, sin) = math::box_muller(words[word & 2], words[word | 1], mean, std);
            if word % 2 == 0 { cos } else { sin }
        }
        Law::TruncatedNormal(law) => law.value(words[word]),
    }
}

/// Element `index` of a `f64` tensor.
pub(crate) fn element_f64(key: Key, part: Part, index: u64, law: &Law<f64>) -> f64 {
    let counter = index / BLOCK64 * 16 + index % 16;
    let half = (index % BLOCK64 / 16) as usize;
    let words = words(key, part, counter);
    let pair = [0, 2].map(|w| u64::from(words[w + 1]) << 32 | u64::from(words[w]));
    match *law {
        Law::Uniform {
            low,
            step,
            below_high,
        } => math::at_most(((pair[half] >> 11) as f64).mul_add(step, low), below_high),
        Law::Normal { mean, std } => {
            let (cos, sin) = math::box_muller_f64(pair[0], pair[1], mean, std);
            if half == 0 { cos } else { sin }
        }
        Law::TruncatedNormal(law) => law.value(pair[half]),
    }
}
