//! How the bytes of chunks are compressed.

use super::blosc;
use super::codec::{cut_short, gzip, lz4, too_many, zlib, zstd};
use crate::quoted::Quoted;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    Zstd,
    Gzip,
    Zlib,
    /// A length of 4 bytes, and a block of LZ4, as `numcodecs` has it.
    Lz4,
    /// Blocks of any of these, with their bytes or bits sorted first: the default of Zarr 2.
    Blosc,
}

impl Packing {
    /// Tells by the name in an array's metadata.
    ///
    /// # Errors
    /// It is an unknown one.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "zstd" => Packing::Zstd,
            "gzip" => Packing::Gzip,
            "zlib" => Packing::Zlib,
            "lz4" => Packing::Lz4,
            "blosc" => Packing::Blosc,
            other => {
                let other = Quoted::new(other);
                return Err(format!(
                    "its chunks are compressed with {other}; save it with zstd"
                ));
            }
        })
    }

    /// Unpacks what may have at most so many bytes.
    ///
    /// # Errors
    /// It is damaged, or has more.
    pub(super) fn unpacked(self, packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
        match self {
            Packing::Plain => Ok(packed.to_vec()),
            Packing::Zstd => zstd(packed, most),
            Packing::Gzip => gzip(packed, most),
            Packing::Zlib => zlib(packed, most),
            Packing::Lz4 => {
                let (length, block) = packed.split_first_chunk().ok_or_else(cut_short)?;
                let length = u64::from(u32::from_le_bytes(*length));
                match length <= most {
                    true => lz4(block, length as usize),
                    false => Err(too_many()),
                }
            }
            Packing::Blosc => blosc::unpacked(packed, most),
        }
    }
}
