//! The bytes of a file, unpacked, within a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

/// The most bytes of a table, a text or an idx file, unpacked.
const MOST: u64 = 1 << 29;

/// All bytes of a file; of one that gzip packed, what it holds.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |error| DataError::Io {
        path: path.to_owned(),
        error,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut start = Vec::new();
    (&mut file)
        .take(2)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let is_packed = start == [0x1f, 0x8b];
    let whole = start.as_slice().chain(file);
    let mut found = Vec::new();
    match is_packed {
        true => MultiGzDecoder::new(whole)
            .take(MOST + 1)
            .read_to_end(&mut found),
        false => whole.take(MOST + 1).read_to_end(&mut found),
    }
    .map_err(failed)?;
    match found.len() as u64 > MOST {
        true => Err(DataError::TooLarge {
            path: path.to_owned(),
            what: "the file",
            limit: format!("{} MiB", MOST >> 20),
        }),
        false => Ok(found),
    }
}
