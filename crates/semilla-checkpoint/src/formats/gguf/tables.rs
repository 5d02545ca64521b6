//! Blocks whose numbers are places in a table (IQ4, MXFP4, NVFP4), or one of -1, 0 and 1 (TQ).

use super::numbers::{halves, pair, scale};

/// Values of IQ4, closer together near zero.
const UNEVEN: [f32; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0,
    89.0, 113.0,
];
/// Twice the values of four-bit floats.
const DOUBLED: [f32; 16] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0,
];

/// Halves of bytes as places in a table, whose values are multiplied.
fn looked_up(nibbles: &[u8], table: &[f32; 16], d: f32, into: &mut [f32]) {
    halves(nibbles, None, into, |place| d * table[usize::from(place)]);
}

/// 32 elements and a scale.
pub(super) fn iq4_nl(block: &[u8], into: &mut [f32]) {
    looked_up(&block[2..], &UNEVEN, scale(block, 0), into);
}

/// 8 groups of 32, with scales in 6 bits.
pub(super) fn iq4_xs(block: &[u8], into: &mut [f32]) {
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (group, values) in into.chunks_exact_mut(32).enumerate() {
        let low = block[4 + group / 2] >> (4 * (group % 2)) & 15;
        let both = u16::from(low) | (high >> (2 * group) & 3) << 4;
        let d = scale(block, 0) * (f32::from(both) - 32.0);
        looked_up(&block[8 + 16 * group..24 + 16 * group], &UNEVEN, d, values);
    }
}

/// 32 elements, and half a power of two.
pub(super) fn mxfp4(block: &[u8], into: &mut [f32]) {
    let bits = match block[0] {
        exponent @ 0..2 => 0x0020_0000 << exponent,
        exponent => u32::from(exponent - 1) << 23,
    };
    looked_up(&block[1..], &DOUBLED, f32::from_bits(bits), into);
}

/// 4 groups of 16, each with a scale that is a float of 4 exponent and 3 mantissa bits without a
/// sign.
pub(super) fn nvfp4(block: &[u8], into: &mut [f32]) {
    for (group, values) in into.chunks_exact_mut(16).enumerate() {
        let (exponent, mantissa) = (block[group] >> 3 & 15, f32::from(block[group] & 7));
        let d = match (block[group], exponent) {
            (0x7f, _) => 0.0,
            (_, 0) => mantissa / 512.0,
            _ => (1.0 + mantissa / 8.0) * f32::from_bits((u32::from(exponent) + 120) << 23),
        };
        let nibbles = &block[4 + 8 * group..12 + 8 * group];
        looked_up(nibbles, &DOUBLED, 0.5 * d, values);
    }
}

/// 256 elements, five in a byte as the digits of a number to base three, and the last 16 four in a
/// byte.
pub(super) fn tq1_0(block: &[u8], into: &mut [f32]) {
    let d = scale(block, 52);
    let parts = [(0..32, 5), (32..48, 5), (48..52, 4)];
    let digits = parts.into_iter().flat_map(|(bytes, digits)| {
        let bytes = &block[bytes];
        (0..digits).flat_map(move |digit| bytes.iter().map(move |&byte| (byte, digit)))
    });
    for (value, (byte, digit)) in into.iter_mut().zip(digits) {
        let shifted = byte.wrapping_mul([1, 3, 9, 27, 81][digit]);
        *value = d * (f32::from((u16::from(shifted) * 3) >> 8) - 1.0);
    }
}

/// 256 elements, four in a byte.
pub(super) fn tq2_0(block: &[u8], into: &mut [f32]) {
    let d = scale(block, 64);
    for (element, value) in into.iter_mut().enumerate() {
        *value = d * (f32::from(pair(block, element)) - 1.0);
    }
}
