//! What unpacks compressed bytes, within a limit.

use std::io::Read;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use crate::quoted::Quoted;

/// Unpacks zstd, to at most so many bytes.
pub(super) fn zstd(packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let frame = StreamingDecoder::new(packed).map_err(|error| damaged(&error.to_string()))?;
    taken(frame, most)
}

/// Unpacks zlib, to at most so many bytes.
pub(super) fn zlib(packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
    taken(ZlibDecoder::new(packed), most)
}

/// Unpacks gzip, to at most so many bytes.
pub(super) fn gzip(packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
    taken(MultiGzDecoder::new(packed), most)
}

/// Unpacks a block of LZ4 that has so many bytes.
pub(super) fn lz4(packed: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    let unpacked = lz4_flex::block::decompress(packed, bytes);
    let unpacked = unpacked.map_err(|error| damaged(&error.to_string()))?;
    match unpacked.len() == bytes {
        true => Ok(unpacked),
        false => Err(cut_short()),
    }
}

fn taken(unpacking: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let mut limited = unpacking.take(most.saturating_add(1));
    limited
        .read_to_end(&mut unpacked)
        .map_err(|error| damaged(&error.to_string()))?;
    match unpacked.len() as u64 > most {
        true => Err(too_many()),
        false => Ok(unpacked),
    }
}

fn damaged(why: &str) -> String {
    format!("compressed data are damaged: {}", Quoted::new(why))
}

pub(super) fn too_many() -> String {
    "compressed data unpack to more than they may".to_owned()
}

pub(super) fn cut_short() -> String {
    "compressed data are cut short; fetch them again".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_lz4_have_the_bytes_that_they_should() {
        // Two new bytes, 6 from 2 back, and a last one.
        let block = b"\x22ab\x02\0\x10c";
        assert_eq!(lz4(block, 9).unwrap(), b"ababababc");
        for (packed, bytes) in [
            (&block[..], 8),
            (block, 10),
            (b"", 9),
            (b"\xff", 9),
            (b"\x22ab\x03\0\x10c", 9),
            (b"\x22ab\0\0\x10c", 9),
        ] {
            assert!(lz4(packed, bytes).is_err(), "{packed:?}");
        }
    }
}
