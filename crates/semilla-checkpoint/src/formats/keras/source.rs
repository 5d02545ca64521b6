//! The bytes that the HDF5 reader sees.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_reader::error::Error;
use hdf5_reader::{Storage, StorageBuffer};

use crate::io::position::read_at;

/// A window of a file, or bytes in memory, of which only a budget may be read through the HDF5 reader.
///
/// Objects and chunks of a malicious file can share their bytes, so that reading it takes more time and memory than its
/// size lets expect; the budget bounds both.
pub(super) struct Source {
    bytes: Bytes,
    budget: AtomicU64,
}

enum Bytes {
    File { file: File, start: u64, len: u64 },
    Memory(Vec<u8>),
}

impl Source {
    pub(super) fn file(file: File, start: u64, len: u64) -> Self {
        Self::of(Bytes::File { file, start, len })
    }

    pub(super) fn memory(bytes: Vec<u8>) -> Self {
        Self::of(Bytes::Memory(bytes))
    }

    fn of(bytes: Bytes) -> Self {
        Self {
            bytes,
            budget: AtomicU64::new(0),
        }
    }

    /// Lets the HDF5 reader read this many bytes from now on.
    pub(super) fn allow(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// How many there are.
    pub(super) fn bytes(&self) -> u64 {
        match &self.bytes {
            Bytes::File { len, .. } => *len,
            Bytes::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `into` with the bytes from `offset` on.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.bytes()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.bytes {
            Bytes::File { file, start, .. } => read_at(file, into, start + offset),
            Bytes::Memory(bytes) => {
                into.copy_from_slice(&bytes[offset as usize..][..into.len()]);
                Ok(())
            }
        }
    }

    fn spend(&self, bytes: u64) -> Result<(), Error> {
        let spent =
            self.budget
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
                    u64::MAX => Some(left),
                    _ => left.checked_sub(bytes),
                });
        match spent {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::ResourceLimit(
                "it refers to the same bytes too often".to_owned(),
            )),
        }
    }
}

impl Storage for Source {
    fn len(&self) -> u64 {
        self.bytes()
    }

    fn read_range(&self, offset: u64, len: usize) -> Result<StorageBuffer, Error> {
        let available = self.bytes().saturating_sub(offset);
        if len as u64 > available {
            return Err(Error::UnexpectedEof {
                offset,
                needed: len as u64,
                available,
            });
        }
        self.spend(len as u64)?;
        let mut bytes = vec![0; len];
        self.read_at(offset, &mut bytes)?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}
