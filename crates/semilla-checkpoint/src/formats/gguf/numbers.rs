//! The numbers of blocks: scales, and small integers that share bytes.

use half::f16;

/// The scale at a place of the block.
pub(super) fn scale(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The low halves of some bytes, then the high ones; `fifth` adds a bit to each.
#[inline(always)]
pub(super) fn halves(
    nibbles: &[u8],
    fifth: Option<&[u8]>,
    into: &mut [f32],
    value: impl Fn(u8) -> f32,
) {
    for (half, elements) in into.chunks_exact_mut(nibbles.len()).enumerate() {
        for (index, (byte, element)) in nibbles.iter().zip(elements).enumerate() {
            let place = half * nibbles.len() + index;
            let bit = fifth.map_or(0, |bits| bits[place / 8] >> (place % 8) & 1);
            *element = value(byte >> (4 * half) & 15 | bit << 4);
        }
    }
}

/// Two bits of each of 32 bytes at a time: `element` is the place in the block.
pub(super) fn pair(bytes: &[u8], element: usize) -> u8 {
    bytes[element / 128 * 32 + element % 32] >> (2 * (element / 32 % 4)) & 3
}
