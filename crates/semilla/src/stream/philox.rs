//! Philox4x32-10, the counter-based generator under every weight.
//!
//! Source: Salmon, Moraes, Dror, Shaw, *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011,
//! section 3.3.

/// The two round multipliers.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The increments of the two key words from round to round.
pub(crate) const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// The number of rounds.
pub(crate) const ROUNDS: usize = 10;

/// The four 32-bit words of one counter under one key.
///
/// ```
/// // Known answer from the authors' reference implementation.
/// let words = semilla::stream::philox4x32_10([0; 4], [0; 2]);
/// assert_eq!(words, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut x = counter;
    for [k0, k1] in round_keys(key) {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(x[0]);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(x[2]);
        x = [
            (p1 >> 32) as u32 ^ x[1] ^ k0,
            p1 as u32,
            (p0 >> 32) as u32 ^ x[3] ^ k1,
            p0 as u32,
        ];
    }
    x
}

/// The key words of each round.
#[inline]
pub(crate) fn round_keys(key: [u32; 2]) -> [[u32; 2]; ROUNDS] {
    let mut keys = [key; ROUNDS];
    for round in 1..ROUNDS {
        for word in 0..2 {
            keys[round][word] = keys[round - 1][word].wrapping_add(KEY_STEPS[word]);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors of Random123's `kat_vectors` file.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        assert_eq!(
            philox4x32_10([ones; 4], [ones; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox4x32_10(
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0]
            ),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }
}
