//! The scales of blocks.

use half::f16;

/// The scale at a place of the block.
pub(super) fn scale(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
