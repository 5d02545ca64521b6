//! Compressed files: unpacked once to a temporary file, and read from there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use semilla::model::Facts;
use semilla::{Graph, Initializer, Layout};
use tempfile::TempDir;

use crate::error::Error;
use crate::io::file::open_file;
use crate::open::recognize::Packing;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, Tensors};

/// The content of a compressed file, in a temporary one that goes when it is dropped.
pub(super) struct Unpacked {
    given: PathBuf,
    temporary: PathBuf,
    _folder: TempDir,
    limits: Limits,
}

/// Unpacks a file, to no more than `Limits::expansion` times its size.
///
/// # Errors
/// It is damaged or unpacks to more, or there is no room for the temporary file.
pub(super) fn unpack(path: &Path, packing: Packing, limits: &Limits) -> Result<Unpacked, Error> {
    let (file, bytes) = open_file(path)?;
    let folder = tempfile::tempdir();
    let folder = folder.map_err(Error::io("make a folder in", &std::env::temp_dir()))?;
    // An array has the name of its file.
    let temporary = folder.path().join(path.file_stem().unwrap_or_default());
    let target = File::create_new(&temporary).map_err(Error::io("create", &temporary))?;
    let most = bytes.saturating_mul(limits.expansion);
    let mut sink = Sink {
        given: path,
        file: &target,
        left: most,
        limits,
    };
    let mut packed = BufReader::new(file);
    match packing {
        Packing::Gzip => sink.take(MultiGzDecoder::new(&mut packed))?,
        Packing::Zstd => {
            // Files may be appended to each other.
            while !packed
                .fill_buf()
                .map_err(Error::io("read", path))?
                .is_empty()
            {
                let frame = StreamingDecoder::new(&mut packed);
                let frame = frame.map_err(|error| sink.damaged(&error.to_string()))?;
                sink.take(frame)?;
            }
        }
    }
    let unpacked = most - sink.left;
    Ok(Unpacked {
        given: path.to_owned(),
        temporary,
        _folder: folder,
        // What the content declares counts from the file that was given.
        limits: Limits {
            expansion: most / unpacked.max(1),
            ..limits.clone()
        },
    })
}

/// Where unpacked bytes go.
struct Sink<'a> {
    given: &'a Path,
    file: &'a File,
    /// How many more there may be.
    left: u64,
    limits: &'a Limits,
}

impl Sink<'_> {
    fn take(&mut self, mut unpacked: impl Read) -> Result<(), Error> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = match unpacked.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.damaged(&error.to_string())),
            };
            self.left = self
                .left
                .checked_sub(count as u64)
                .ok_or_else(|| Error::Unpack {
                    path: self.given.to_owned(),
                    problem: format!(
                        "it unpacks to more than {} times its size (Limits::expansion)",
                        self.limits.expansion
                    ),
                })?;
            let written = self.file.write_all(&buffer[..count]);
            written.map_err(|cause| self.no_room(cause))?;
        }
    }

    fn damaged(&self, why: &str) -> Error {
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        Error::Unpack {
            path: self.given.to_owned(),
            problem: format!("{why}; it may be cut short: fetch it again"),
        }
    }

    fn no_room(&self, cause: io::Error) -> Error {
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Unpack {
                path: self.given.to_owned(),
                problem: format!(
                    "no room in {}; unpack it yourself, or set TMPDIR to a larger disk",
                    std::env::temp_dir().display()
                ),
            },
            _ => Error::io("write", &std::env::temp_dir())(cause),
        }
    }
}

impl Unpacked {
    /// Opens the content; errors name the file that was given.
    pub(super) fn opened(
        self,
        open: impl FnOnce(&Path, &Limits) -> Result<Box<dyn Checkpoint>, Error>,
    ) -> Result<Box<dyn Checkpoint>, Error> {
        let inner = open(&self.temporary, &self.limits);
        let inner = inner.map_err(|error| error.of_file(&self.temporary, &self.given))?;
        Ok(Box::new(Content {
            inner,
            unpacked: self,
        }))
    }
}

/// What a compressed file holds.
struct Content {
    inner: Box<dyn Checkpoint>,
    unpacked: Unpacked,
}

impl Checkpoint for Content {
    fn tensors(&self) -> &Tensors {
        self.inner.tensors()
    }

    fn metadata(&self) -> &Metadata {
        self.inner.metadata()
    }

    fn format(&self) -> Format {
        self.inner.format()
    }

    fn remarks(&self) -> &[Remark] {
        self.inner.remarks()
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.inner.layout(tensor)
    }

    fn facts(&self, tensor: usize) -> Option<&Facts> {
        self.inner.facts(tensor)
    }

    fn start(&self, tensor: usize) -> Option<&Initializer> {
        self.inner.start(tensor)
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        self.inner.made_of_parts(tensor)
    }

    fn dictionaries(&self) -> &[String] {
        self.inner.dictionaries()
    }

    fn graph(&self) -> Option<&Graph> {
        self.inner.graph()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.inner.file(tensor).map(|_| &*self.unpacked.given)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let read = self.inner.read(tensor, offset, into);
        read.map_err(|error| error.of_file(&self.unpacked.temporary, &self.unpacked.given))
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        let scanned = self.inner.scan(tensor, look);
        scanned.map_err(|error| error.of_file(&self.unpacked.temporary, &self.unpacked.given))
    }
}
