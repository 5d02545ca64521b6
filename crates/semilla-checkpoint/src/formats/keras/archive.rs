//! `.keras` archives: the weights inside are taken, the model's description is not looked at.

use std::io::{Read, Seek};

use zip::CompressionMethod;

use super::reader::Problem;
use crate::Limits;
use crate::io::archive::list_entries;

pub(super) const WEIGHTS: &str = "model.weights.h5";

/// Where the weights of an archive are.
pub(super) enum Entry {
    /// As they are in the archive.
    Stored { start: u64, len: u64 },
    /// Unpacked.
    Unpacked(Vec<u8>),
}

/// Compares the checksum of the weights with their bytes.
pub(super) fn check(reader: impl Read + Seek) -> Result<(), Problem> {
    let damaged = |e: String| format!("{WEIGHTS}: {}", e.escape_debug());
    let mut archive = list_entries(reader).map_err(|e| damaged(e.to_string()))?;
    let mut entry = archive
        .by_name(WEIGHTS)
        .map_err(|e| damaged(e.to_string()))?;
    std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| damaged(e.to_string()))?;
    Ok(())
}

/// Finds the weights, and unpacks them if they are compressed.
pub(super) fn weights(mut reader: impl Read + Seek, limits: &Limits) -> Result<Entry, Problem> {
    let damaged = |e: zip::result::ZipError| format!("{}", e.to_string().escape_debug());
    let end = reader
        .seek(std::io::SeekFrom::End(0))
        .map_err(|e| e.to_string())?;
    let mut archive = list_entries(reader).map_err(damaged)?;
    let mut entry = archive.by_name(WEIGHTS).map_err(damaged)?;
    let (packed, len) = (entry.compressed_size(), entry.size());
    if entry.encrypted() {
        return Err(format!("{WEIGHTS} is encrypted"));
    }
    if entry.compression() == CompressionMethod::Stored {
        let start = entry.data_start().unwrap_or(u64::MAX);
        let inside = start.checked_add(len).is_some_and(|last| last <= end);
        return match packed == len && inside {
            true => Ok(Entry::Stored { start, len }),
            false => Err(format!(
                "{WEIGHTS} does not lie in the archive; fetch it again"
            )),
        };
    }
    let limit = packed.min(end).saturating_mul(limits.expansion);
    if len > limit.min(limits.decoded_bytes) {
        return Err(format!(
            "{WEIGHTS} would unpack from {packed} to {len} bytes, which is beyond the limits \
             (Limits::expansion, Limits::decoded_bytes)"
        ));
    }
    // Grows with what is really there.
    let mut bytes = Vec::new();
    let read = (&mut entry).take(len + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("{WEIGHTS}: {e}"))?;
    match bytes.len() as u64 == len {
        true => Ok(Entry::Unpacked(bytes)),
        false => Err(format!(
            "{WEIGHTS} does not have the {len} bytes that the archive says"
        )),
    }
}
