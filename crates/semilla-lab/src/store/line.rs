//! A line: a checksum, a space, one JSON.

use semilla::stream::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value as a line, with its end.
pub(super) fn written(value: &impl Serialize) -> std::io::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(format!("{} {json}\n", checksum(&json)))
}

/// The value of a line without its end; `None` if the line is not as it was written.
pub(super) fn read<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let line = std::str::from_utf8(line).ok()?;
    let (sum, json) = line.split_once(' ')?;
    (sum == checksum(json)).then(|| serde_json::from_str(json).ok())?
}

/// SipHash-2-4, as for the names of tensors: 16 digits.
fn checksum(json: &str) -> String {
    Key::new(0, json).to_string()
}
