//! Quantized blocks as ggml stores them, turned back into floats.
//!
//! A block holds 32 to 256 neighbouring elements of a row: small integers, and the scales by which
//! to multiply them. Products and sums are rounded to f32 one by one, in the order of the
//! reference.

use super::grids::{iq1_m, iq1_s, iq2_s, iq2_xs, iq2_xxs, iq3_s, iq3_xxs};
use super::numbers::{halves, pair, scale};
use super::tables::{iq4_nl, iq4_xs, mxfp4, nvfp4, tq1_0, tq2_0};

/// A kind of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantization {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Iq1S,
    Iq1M,
    Iq2Xxs,
    Iq2Xs,
    Iq2S,
    Iq3Xxs,
    Iq3S,
    Iq4Nl,
    Iq4Xs,
    Tq1,
    Tq2,
    Mxfp4,
    Nvfp4,
}

use Quantization::{Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Iq4Nl, Iq4Xs};
use Quantization::{Mxfp4, Nvfp4, Tq1, Tq2};
use Quantization::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};

impl Quantization {
    /// The elements of a block.
    pub(super) fn elements(self) -> usize {
        match self {
            Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q8_0 | Iq4Nl | Mxfp4 => 32,
            Nvfp4 => 64,
            Q2K | Q3K | Q4K | Q5K | Q6K | Iq4Xs | Tq1 | Tq2 => 256,
            Iq1S | Iq1M | Iq2Xxs | Iq2Xs | Iq2S | Iq3Xxs | Iq3S => 256,
        }
    }

    /// The bytes of a block.
    pub(super) fn bytes(self) -> usize {
        match self {
            Q4_0 => 18,
            Q4_1 => 20,
            Q5_0 => 22,
            Q5_1 => 24,
            Q8_0 => 34,
            Q2K => 84,
            Q3K => 110,
            Q4K => 144,
            Q5K => 176,
            Q6K => 210,
            Iq1S => 50,
            Iq1M => 56,
            Iq2Xxs => 66,
            Iq2Xs => 74,
            Iq2S => 82,
            Iq3Xxs => 98,
            Iq3S => 110,
            Iq4Nl => 18,
            Iq4Xs => 136,
            Tq1 => 54,
            Tq2 => 66,
            Mxfp4 => 17,
            Nvfp4 => 36,
        }
    }

    /// Turns one block into its elements; both have the lengths stated above.
    pub(super) fn dequantize(self, block: &[u8], into: &mut [f32]) {
        match self {
            Q4_0 => halves(&block[2..], None, into, |q| {
                scale(block, 0) * (f32::from(q) - 8.0)
            }),
            Q4_1 => halves(&block[4..], None, into, |q| {
                scale(block, 0) * f32::from(q) + scale(block, 2)
            }),
            Q5_0 => halves(&block[6..], Some(&block[2..]), into, |q| {
                scale(block, 0) * (f32::from(q) - 16.0)
            }),
            Q5_1 => halves(&block[8..], Some(&block[4..]), into, |q| {
                scale(block, 0) * f32::from(q) + scale(block, 2)
            }),
            Q8_0 => {
                for (value, &q) in into.iter_mut().zip(&block[2..]) {
                    *value = scale(block, 0) * f32::from(q as i8);
                }
            }
            Q2K => q2_k(block, into),
            Q3K => q3_k(block, into),
            Q4K => q4_k(block, None, &block[16..], into),
            Q5K => q4_k(block, Some(&block[16..48]), &block[48..], into),
            Q6K => q6_k(block, into),
            Iq1S => iq1_s(block, into),
            Iq1M => iq1_m(block, into),
            Iq2Xxs => iq2_xxs(block, into),
            Iq2Xs => iq2_xs(block, into),
            Iq2S => iq2_s(block, into),
            Iq3Xxs => iq3_xxs(block, into),
            Iq3S => iq3_s(block, into),
            Iq4Nl => iq4_nl(block, into),
            Iq4Xs => iq4_xs(block, into),
            Tq1 => tq1_0(block, into),
            Tq2 => tq2_0(block, into),
            Mxfp4 => mxfp4(block, into),
            Nvfp4 => nvfp4(block, into),
        }
    }
}

/// 16 groups of 16: scales and minima in 4 bits each, elements in 2.
fn q2_k(block: &[u8], into: &mut [f32]) {
    let (d, min) = (scale(block, 80), scale(block, 82));
    for (group, values) in into.chunks_exact_mut(16).enumerate() {
        let packed = block[group];
        let (d, min) = (d * f32::from(packed & 15), min * f32::from(packed >> 4));
        for (index, value) in values.iter_mut().enumerate() {
            *value = d * f32::from(pair(&block[16..80], group * 16 + index)) - min;
        }
    }
}

/// 16 groups of 16: scales in 6 bits, elements in 2 and a third in a mask, whose zeros take 4 away.
fn q3_k(block: &[u8], into: &mut [f32]) {
    let (mask, elements, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = scale(block, 108);
    for (group, values) in into.chunks_exact_mut(16).enumerate() {
        let low = scales[group % 8] >> (4 * (group / 8)) & 15;
        let high = scales[8 + group % 4] >> (2 * (group / 4)) & 3;
        let d = d * (f32::from(low | high << 4) - 32.0);
        for (index, value) in values.iter_mut().enumerate() {
            let element = group * 16 + index;
            let third = mask[element % 32] >> (element / 32) & 1;
            *value = d * (f32::from(pair(elements, element)) - f32::from(4 - 4 * third));
        }
    }
}

/// 8 groups of 32: scales and minima in 6 bits each, elements in 4, or in 5 with the bits of
/// `fifth`.
fn q4_k(block: &[u8], fifth: Option<&[u8]>, nibbles: &[u8], into: &mut [f32]) {
    let (d, min) = (scale(block, 0), scale(block, 2));
    for (group, values) in into.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = six_bits(&block[4..16], group);
        let (d, min) = (d * f32::from(scale), min * f32::from(minimum));
        for (index, value) in values.iter_mut().enumerate() {
            let nibble = nibbles[group / 2 * 32 + index] >> (4 * (group % 2)) & 15;
            let bit = fifth.map_or(0, |bits| bits[index] >> group & 1);
            *value = d * f32::from(nibble | bit << 4) - min;
        }
    }
}

/// Scale and minimum of one of 8 groups, packed into 12 bytes: those of the first four in the low 6
/// bits of a byte each, the others' high bits above them, and their low bits in the last four
/// bytes.
fn six_bits(packed: &[u8], group: usize) -> (u8, u8) {
    let low = group % 4;
    if group < 4 {
        return (packed[low] & 63, packed[low + 4] & 63);
    }
    (
        packed[low + 8] & 15 | packed[low] >> 2 & 48,
        packed[low + 8] >> 4 | packed[low + 4] >> 2 & 48,
    )
}

/// 16 groups of 16: scales in 8 bits, elements in 4 and 2.
fn q6_k(block: &[u8], into: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = scale(block, 208);
    for (group, values) in into.chunks_exact_mut(16).enumerate() {
        let d = d * f32::from(scales[group] as i8);
        for (index, value) in values.iter_mut().enumerate() {
            let element = group * 16 + index;
            let nibble = low[element / 128 * 64 + element % 64] >> (4 * (element / 64 % 2)) & 15;
            let q = nibble | pair(high, element) << 4;
            *value = d * (f32::from(q) - 32.0);
        }
    }
}
