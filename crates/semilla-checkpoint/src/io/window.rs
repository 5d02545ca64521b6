//! The structure of a binary file, read through a small window that slides over the file: tensors' values are
//! stepped over and never loaded.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{InvalidTensor, Malformed};
use crate::io::position::read_at;
use crate::{Error, Format};

/// Why the structure of a file could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    Io(io::Error),
    Malformed(Malformed),
    Problem(String),
}

impl Fault {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Fault::Problem(problem.into())
    }

    /// Says in which file the fault was found.
    pub(crate) fn in_file(path: &Path, format: Format) -> impl FnOnce(Fault) -> Error {
        move |fault| match fault {
            Fault::Io(cause) => Error::io("read", path)(cause),
            Fault::Malformed(why) => Error::malformed(path)(why),
            Fault::Problem(problem) => Error::Format {
                path: path.to_owned(),
                format,
                problem,
            },
        }
    }
}

impl From<InvalidTensor> for Fault {
    fn from(invalid: InvalidTensor) -> Self {
        Fault::Malformed(invalid.into())
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Fault::Malformed(malformed)
    }
}

/// A file, and the bytes of it that were looked at last.
pub(crate) struct Window<'a> {
    file: &'a File,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    /// The most bytes that can be looked at together.
    pub(crate) const MAX: usize = 64 << 10;

    pub(crate) fn new(file: &'a File, len: u64) -> Self {
        Self {
            file,
            len,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// The file's length.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The `count` bytes at `at`, of which there must be at most [`Self::MAX`].
    pub(crate) fn get(&mut self, at: u64, count: usize) -> Result<&[u8], Fault> {
        let end = at.checked_add(count as u64).filter(|&end| end <= self.len);
        let (Some(end), true) = (end, count <= Self::MAX) else {
            return Err(self.truncated());
        };
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            let size = (self.len - at).min(Self::MAX as u64) as usize;
            self.bytes.resize(size, 0);
            self.start = at;
            if let Err(error) = read_at(self.file, &mut self.bytes, at) {
                self.bytes.clear();
                return Err(Fault::Io(error));
            }
        }
        let first = (at - self.start) as usize;
        Ok(&self.bytes[first..first + count])
    }

    /// That the file ends before its structure does.
    pub(crate) fn truncated(&self) -> Fault {
        Fault::new(format!(
            "the file is truncated: its {} bytes are fewer than it says; fetch it again",
            self.len
        ))
    }

    /// Copies bytes of any number that the file has.
    pub(crate) fn copy(&mut self, at: u64, count: u64) -> Result<Vec<u8>, Fault> {
        if count > self.len.saturating_sub(at) {
            return Err(self.truncated());
        }
        if count <= Self::MAX as u64 {
            return self.get(at, count as usize).map(<[u8]>::to_vec);
        }
        let mut bytes = vec![0; count as usize];
        read_at(self.file, &mut bytes, at).map_err(Fault::Io)?;
        Ok(bytes)
    }
}
