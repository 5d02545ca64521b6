//! Opening a file, and reading arrays where they lie.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parser::{Fault, Parser};
use crate::io::budget::check_budget;
use crate::io::file::open_file;
use crate::io::position::{Buffered, read_at};
use crate::io::range::check_range;
use crate::{Checkpoint, Error, Format, Limits, Metadata, Remark, Tensors};

/// The arrays of a file of Flax.
pub(crate) struct Flax {
    path: PathBuf,
    file: Arc<File>,
    tensors: Tensors,
    /// Where the bytes of each lie, in order.
    ranges: Vec<Vec<Range<u64>>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

impl Flax {
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        const BUFFER: usize = 4 << 10;
        let (file, bytes) = open_file(path)?;
        let file = Arc::new(file);
        let from = Buffered::new(Arc::clone(&file), 0..bytes, BUFFER);
        let mut parser = Parser::new(from, limits);
        parser.value().map_err(|fault| failed(path, fault))?;
        let (tensors, ranges): (Vec<_>, Vec<_>) = parser.found.into_iter().unzip();
        let flax = Self {
            path: path.to_owned(),
            file,
            tensors: Tensors::new(tensors).map_err(Error::malformed(path))?,
            ranges,
            metadata: Metadata::new(),
            remarks: parser.remarks,
        };
        let fits = check_budget(&flax.tensors, bytes, limits);
        fits.map_err(|problem| failed(path, Fault::Problem(problem)))?;
        match flax.tensors.is_empty() && flax.remarks.is_empty() {
            true => Err(failed(
                path,
                Fault::Problem("it holds no arrays".to_owned()),
            )),
            false => Ok(flax),
        }
    }
}

impl Checkpoint for Flax {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Flax
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.tensors.get(tensor).map(|_| &*self.path)
    }

    fn read(&self, tensor: usize, mut offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let mut rest = into;
        for range in &self.ranges[tensor] {
            let length = range.end - range.start;
            if offset >= length {
                offset -= length;
                continue;
            }
            let count = (length - offset).min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at_mut(count);
            let read = read_at(&self.file, now, range.start + offset);
            read.map_err(Error::io("read", &self.path))?;
            (rest, offset) = (later, 0);
        }
        Ok(())
    }
}

fn failed(path: &Path, fault: Fault) -> Error {
    let problem = match fault {
        Fault::Read(cause) if cause.raw_os_error().is_some() => {
            return Error::io("read", path)(cause);
        }
        Fault::Read(_) => "it ends too early; fetch it again".to_owned(),
        Fault::Problem(problem) => problem,
        Fault::Invalid(invalid) => return Error::malformed(path)(invalid.into()),
    };
    Error::Format {
        path: path.to_owned(),
        format: Format::Flax,
        problem,
    }
}
