//! Tensors of formats that can only be decoded whole, read in pieces all the same.

use std::sync::{Arc, Mutex};

use crate::Error;

/// Keeps the tensors decoded last, so that reading a tensor in pieces, from a few threads, decodes
/// it once.
#[derive(Default)]
pub(crate) struct Decoded {
    recent: Mutex<Vec<(usize, Arc<Vec<u8>>)>>,
}

/// Neighbouring tensors are read together where chunks are handed to threads.
const KEPT: usize = 2;

impl Decoded {
    /// Copies the bytes from `offset` on, which must lie in the tensor; `decode` gives all of them.
    pub(crate) fn read(
        &self,
        tensor: usize,
        offset: u64,
        into: &mut [u8],
        decode: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        if into.is_empty() {
            return Ok(());
        }
        let bytes = self.get(tensor, decode)?;
        let start = offset as usize;
        into.copy_from_slice(&bytes[start..start + into.len()]);
        Ok(())
    }

    /// All that `decode` gives for this number.
    pub(crate) fn get(
        &self,
        number: usize,
        decode: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<Arc<Vec<u8>>, Error> {
        // Held while decoding: another thread that wants the same waits for it, and no more are in memory than the kept
        // ones.
        let mut recent = self.recent.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((_, bytes)) = recent.iter().find(|(of, _)| *of == number) {
            return Ok(Arc::clone(bytes));
        }
        if recent.len() == KEPT {
            recent.remove(0);
        }
        let bytes = Arc::new(decode()?);
        recent.push((number, Arc::clone(&bytes)));
        Ok(bytes)
    }
}
