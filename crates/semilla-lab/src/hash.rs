//! Hashes as names.

/// The first 32 hexadecimal digits of a hash.
pub(crate) fn hex(hash: &[u8]) -> String {
    let bytes = hash.iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
