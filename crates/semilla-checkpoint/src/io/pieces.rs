//! Long runs of bytes, looked at piece by piece.

use std::ops::Range;

/// The bytes of a piece: few enough to stay in a core's cache, and whole elements of any type.
const PIECE: usize = 256 << 10;

/// Room for each of the pieces of so many bytes.
pub(crate) fn buffer(bytes: u64) -> Vec<u8> {
    vec![0; bytes.min(PIECE as u64) as usize]
}

/// The pieces of so many bytes, in order.
pub(crate) fn pieces(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..bytes).step_by(PIECE);
    starts.map(move |start| start..bytes.min(start + PIECE as u64))
}
