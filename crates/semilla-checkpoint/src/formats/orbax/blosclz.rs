//! Blocks of BloscLZ: runs of new bytes, and repetitions of earlier ones.
//!
//! Source: `blosclz_decompress` in `blosc/blosclz.c`.

use super::codec::cut_short;

/// Unpacks a block of BloscLZ that has so many bytes.
///
/// # Errors
/// It is damaged, or has more or less.
pub(super) fn blosclz(packed: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    /// Distances from here on have 16 bits of their own.
    const FAR: usize = 31 << 8;
    const FURTHEST: usize = 8191;
    let mut rest = Rest(packed);
    let mut out = Out::new(bytes);
    let mut control = rest.byte()? & 31;
    loop {
        match control {
            0..32 => out.add(rest.take(usize::from(control) + 1)?)?,
            32.. => {
                let again = rest.longer(usize::from(control >> 5) - 1, 6)?;
                let high = usize::from(control & 31) << 8;
                let low = rest.byte()?;
                let back = match (high, low) {
                    (FAR, 255) => {
                        let far = u16::from_be_bytes([rest.byte()?, rest.byte()?]);
                        usize::from(far) + FURTHEST
                    }
                    _ => high + usize::from(low),
                };
                out.repeat(back + 1, again.saturating_add(3))?;
            }
        }
        match rest.0.is_empty() {
            true => return out.whole(),
            false => control = rest.byte()?,
        }
    }
}

fn contradicts() -> String {
    "compressed data contradict themselves; fetch them again".to_owned()
}

/// What is left to unpack.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A length that goes on in more bytes if it is the largest of its few bits.
    fn longer(&mut self, mut length: usize, largest: usize) -> Result<usize, String> {
        if length < largest {
            return Ok(length);
        }
        loop {
            let more = self.byte()?;
            length = length.saturating_add(usize::from(more));
            if more != 255 {
                return Ok(length);
            }
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
