//! From (seed, tensor name) to the generator's key.

use serde::{Deserialize, Serialize};

/// The second half of the hash key: the bytes `semilla1` as a little-endian integer, so that
/// a later version of the stream is a different function altogether.
const DOMAIN: u64 = u64::from_le_bytes(*b"semilla1");

/// The 64-bit Philox key of one tensor: SipHash-2-4 of the tensor's name under the key (seed,
/// `"semilla1"`).
///
/// Source of the hash: Aumasson & Bernstein, *SipHash: a fast short-input PRF*, INDOCRYPT 2012.
///
/// ```
/// use semilla::stream::Key;
/// assert_ne!(Key::new(0, "layer.0.weight"), Key::new(0, "layer.1.weight"));
/// assert_ne!(Key::new(0, "layer.0.weight"), Key::new(1, "layer.0.weight"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Key(u64);

impl Key {
    /// The key of the tensor `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self(siphash_2_4([seed, DOMAIN], name.as_bytes()))
    }

    /// A key given as its 64 bits, as a saved plan does.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The two words that Philox takes: the low half, then the high half.
    pub const fn words(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// The text is not a key: 16 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a stream key; a key is 16 hexadecimal digits")]
pub struct InvalidKey(String);

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(&text, 16) {
            Ok(bits) if digits => Ok(Self(bits)),
            _ => Err(InvalidKey(text)),
        }
    }
}

fn siphash_2_4(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let words = bytes.chunks_exact(8);
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    last[7] = bytes.len() as u8;
    let words = words.map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")));
    for word in words.chain([u64::from_le_bytes(last)]) {
        v[3] ^= word;
        sip_rounds(&mut v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    sip_rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_rounds(v: &mut [u64; 4], rounds: usize) {
    for _ in 0..rounds {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference vectors of the SipHash paper's appendix: key 00..0f, message 00..(n-1).
    #[test]
    fn siphash_reference_vectors() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash_2_4(key, &message), 0xa129_ca61_49be_45e5);
        assert_eq!(siphash_2_4(key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(siphash_2_4(key, &message[..8]), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn text_form_round_trips_and_refuses_the_rest() {
        let key = Key::new(7, "a");
        assert_eq!(Key::try_from(key.to_string()).unwrap(), key);
        for bad in ["", "+123456789abcdef", "12345", "0123456789abcdeg"] {
            assert!(Key::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
