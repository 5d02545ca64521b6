//! Blocks of BloscLZ: runs of new bytes, and repetitions of earlier ones.
//!
//! Source: `blosclz_decompress` in `blosc/blosclz.c`.

use super::bytes::Bytes;
use super::codec::cut_short;

/// Unpacks a block of BloscLZ that has so many bytes.
///
/// # Errors
/// It is damaged, or has more or less.
pub(super) fn blosclz(packed: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    /// Distances from here on have 16 bits of their own.
    const FAR: usize = 31 << 8;
    const FURTHEST: usize = 8191;
    let mut rest = Bytes(packed);
    let mut out = Out::new(bytes);
    let mut control = byte(&mut rest)? & 31;
    loop {
        match control {
            0..32 => {
                let new = rest.take(u64::from(control) + 1);
                out.add(new.ok_or_else(cut_short)?)?;
            }
            32.. => {
                let again = longer(&mut rest, usize::from(control >> 5) - 1, 6)?;
                let high = usize::from(control & 31) << 8;
                let low = byte(&mut rest)?;
                let back = match (high, low) {
                    (FAR, 255) => {
                        let far = u16::from_be_bytes([byte(&mut rest)?, byte(&mut rest)?]);
                        usize::from(far) + FURTHEST
                    }
                    _ => high + usize::from(low),
                };
                out.repeat(back + 1, again.saturating_add(3))?;
            }
        }
        match rest.0.is_empty() {
            true => return out.whole(),
            false => control = byte(&mut rest)?,
        }
    }
}

fn contradicts() -> String {
    "compressed data contradict themselves; fetch them again".to_owned()
}

fn byte(rest: &mut Bytes<'_>) -> Result<u8, String> {
    rest.byte().ok_or_else(cut_short)
}

/// A length that goes on in more bytes if it is the largest of its few bits.
fn longer(rest: &mut Bytes<'_>, mut length: usize, largest: usize) -> Result<usize, String> {
    if length < largest {
        return Ok(length);
    }
    loop {
        let more = byte(rest)?;
        length = length.saturating_add(usize::from(more));
        if more != 255 {
            return Ok(length);
        }
    }
}

/// What is unpacked so far.
struct Out {
    bytes: Vec<u8>,
    most: usize,
}

impl Out {
    fn new(most: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(most),
            most,
        }
    }

    /// Checks that so many more bytes have room.
    fn check(&self, more: usize) -> Result<(), String> {
        match more <= self.most - self.bytes.len() {
            true => Ok(()),
            false => Err(contradicts()),
        }
    }

    fn add(&mut self, new: &[u8]) -> Result<(), String> {
        self.check(new.len())?;
        self.bytes.extend_from_slice(new);
        Ok(())
    }

    /// Repeats bytes from so far back; they may reach into what they make.
    fn repeat(&mut self, back: usize, count: usize) -> Result<(), String> {
        self.check(count)?;
        let start = self.bytes.len().checked_sub(back);
        let start = start.filter(|_| back > 0).ok_or_else(contradicts)?;
        let mut left = count;
        while left > 0 {
            let some = left.min(self.bytes.len() - start);
            self.bytes.extend_from_within(start..start + some);
            left -= some;
        }
        Ok(())
    }

    fn whole(self) -> Result<Vec<u8>, String> {
        match self.bytes.len() == self.most {
            true => Ok(self.bytes),
            false => Err(contradicts()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_reach_into_what_they_make() {
        // Two new bytes, 5 from 2 back, and a last one.
        assert_eq!(blosclz(b"\x01ab\x60\x01\0c", 8).unwrap(), b"abababac");
    }

    #[test]
    fn damage_is_an_error() {
        for packed in [&b""[..], b"\xff", b"\x01ab\x60\x05\0c", b"\xf0\xff\xff"] {
            assert!(blosclz(packed, 9).is_err(), "{packed:?}");
        }
        assert!(blosclz(b"\x01ab\x60\x01\0c", 7).is_err());
        assert!(blosclz(b"\x01ab\x60\x01\0c", 9).is_err());
    }
}
