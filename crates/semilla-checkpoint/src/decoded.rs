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
        let bytes = {
            // Held while decoding: another thread that wants the same tensor waits for it, and
            // no more tensors are in memory than the kept ones.
            let mut recent = self.recent.lock().unwrap_or_else(|e| e.into_inner());
            match recent.iter().find(|(of, _)| *of == tensor) {
                Some((_, bytes)) => Arc::clone(bytes),
                None => {
                    if recent.len() == KEPT {
                        recent.remove(0);
                    }
                    let bytes = Arc::new(decode()?);
                    recent.push((tensor, Arc::clone(&bytes)));
                    bytes
                }
            }
        };
        let start = offset as usize;
        into.copy_from_slice(&bytes[start..start + into.len()]);
        Ok(())
    }
}
