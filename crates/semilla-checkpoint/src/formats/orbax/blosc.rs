//! Blosc: blocks that are compressed each for itself, of bytes or bits that were sorted by their
//! place in the elements.
//!
//! Source: `README_CHUNK_FORMAT.rst`, `blosc/blosc.c` and `blosc/shuffle-generic.h` of C-Blosc 1.

use super::blosclz::blosclz;
use super::bytes::Bytes;
use super::codec::{cut_short, lz4, too_many, zlib, zstd};

/// What is before the blocks.
const HEAD: usize = 16;

/// Unpacks what may have at most so many bytes.
///
/// # Errors
/// It is damaged, or has more.
pub(super) fn unpacked(packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let head = Head::read(packed).ok_or_else(cut_short)?;
    if head.bytes as u64 > most {
        return Err(too_many());
    }
    if head.is_plain {
        let plain = packed.get(HEAD..HEAD.saturating_add(head.bytes));
        return plain.map(<[u8]>::to_vec).ok_or_else(cut_short);
    }
    let mut out = Vec::with_capacity(head.bytes);
    let mut places = Bytes(&packed[HEAD..]);
    while out.len() < head.bytes {
        let place = places.u32().ok_or_else(cut_short)?;
        let stored = packed.get(place as usize..).ok_or_else(cut_short)?;
        let bytes = head.block.min(head.bytes - out.len());
        let block = head.block(stored, bytes)?;
        out.extend_from_slice(&head.in_order(&block));
    }
    Ok(out)
}

/// What the first bytes say.
struct Head {
    sorted: Sorted,
    is_plain: bool,
    /// Whether the bytes of each place in the elements are compressed alone.
    is_split: bool,
    codec: u8,
    /// Of an element, of all, and of a block.
    size: usize,
    bytes: usize,
    block: usize,
}

/// What was sorted by its place in the elements.
enum Sorted {
    Nothing,
    Bytes,
    Bits,
}

impl Head {
    fn read(packed: &[u8]) -> Option<Self> {
        /// Elements with more bytes, and blocks of fewer elements, are never split.
        const MOST_SPLITS: usize = 16;
        const LEAST_OF_SPLIT: usize = 128;
        let &[_, _, flags, size, ref lengths @ ..] = packed.first_chunk::<HEAD>()?;
        let mut lengths = Bytes(lengths);
        let (bytes, block) = (lengths.u32()? as usize, lengths.u32()? as usize);
        let size = usize::from(size).max(1);
        let may_split = size <= MOST_SPLITS && block / size >= LEAST_OF_SPLIT;
        Some(Self {
            sorted: match flags & 5 {
                1 if size > 1 => Sorted::Bytes,
                4 => Sorted::Bits,
                _ => Sorted::Nothing,
            },
            is_plain: flags & 2 != 0,
            is_split: flags & 16 == 0 && may_split,
            codec: flags >> 5,
            size,
            bytes,
            block: block.max(1),
        })
    }

    /// The bytes of a block, sorted as they are stored.
    fn block(&self, stored: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
        let parts = match self.is_split && bytes == self.block {
            true => self.size,
            false => 1,
        };
        let mut rest = Bytes(stored);
        let mut block = Vec::with_capacity(bytes);
        for part in 0..parts {
            // What they do not divide is behind the last.
            let bytes = match part + 1 == parts {
                true => bytes - bytes / parts * part,
                false => bytes / parts,
            };
            let length = rest.u32().ok_or_else(cut_short)?;
            let packed = rest.take(length.into()).ok_or_else(cut_short)?;
            let part = match packed.len() == bytes {
                true => packed.to_vec(),
                false => self.part(packed, bytes)?,
            };
            if part.len() != bytes {
                return Err(cut_short());
            }
            block.extend_from_slice(&part);
        }
        Ok(block)
    }

    fn part(&self, packed: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
        match self.codec {
            0 => blosclz(packed, bytes),
            1 => lz4(packed, bytes),
            3 => zlib(packed, bytes as u64),
            4 => zstd(packed, bytes as u64),
            _ => Err("its chunks are compressed with Snappy; save it with zstd".to_owned()),
        }
    }

    /// The bytes of a block as they lie in the elements.
    fn in_order(&self, block: &[u8]) -> Vec<u8> {
        let count = block.len() / self.size;
        let mut out = block.to_vec();
        match self.sorted {
            Sorted::Bytes => {
                for (place, bytes) in block.chunks_exact(count.max(1)).take(self.size).enumerate() {
                    for (element, byte) in bytes.iter().enumerate() {
                        out[element * self.size + place] = *byte;
                    }
                }
            }
            // Others are stored as they are.
            Sorted::Bits if count > 0 && count.is_multiple_of(8) => {
                let sorted = count * self.size;
                out[..sorted].fill(0);
                for (place, bits) in block[..sorted].chunks_exact(count / 8).enumerate() {
                    for (byte, bits) in bits.iter().enumerate() {
                        for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
                            let element = byte * 8 + bit;
                            out[element * self.size + place / 8] |= 1 << (place % 8);
                        }
                    }
                }
            }
            _ => {}
        }
        out
    }
}
