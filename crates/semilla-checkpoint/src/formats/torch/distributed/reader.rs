//! The boxes of tensors, read as one.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::metadata::{Fault, Listed, Piece};
use crate::formats::torch::pickle::{Fault as Unfollowed, Values};
use crate::formats::torch::reader::{Torch, failed};
use crate::io::archive::Archive;
use crate::io::budget::check_budget;
use crate::io::file::open_file;
use crate::io::range::check_range;
use crate::quoted::Quoted;
use crate::{Checkpoint, Error, Format, Limits, Metadata, Remark, Tensors};

/// The tensors of a folder of `torch.distributed.checkpoint`.
///
/// Only `.metadata` is read when it is opened; an archive when a box of it is first wanted.
pub(crate) struct Distributed {
    /// Of `.metadata`.
    path: PathBuf,
    files: Vec<PathBuf>,
    tensors: Tensors,
    /// The boxes of each tensor.
    pieces: Vec<Vec<Piece>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    limits: Limits,
    opened: Mutex<Vec<Opened>>,
}

/// An archive that was wanted lately: its file, where it begins, and its one tensor.
type Opened = ((usize, u64), Arc<Torch>);

/// Archives kept open, for tensors whose rows are spread over as many files.
const KEPT: usize = 256;

impl Distributed {
    /// Opens the folder whose `.metadata` lies at `path`.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (_, bytes) = open_file(path)?;
        let fail = |problem| failed(path, problem);
        if bytes > limits.header_bytes {
            let most = limits.header_bytes;
            return Err(fail(format!(
                "it has {bytes} bytes, more than the limit of {most}"
            )));
        }
        let pickle = fs::read(path).map_err(Error::io("read", path))?;
        let mut values = Values::new(limits.header_bytes);
        let root = values
            .read(&mut Cursor::new(&pickle[..]))
            .map_err(|fault| match fault {
                Unfollowed::Read(_) => fail("it ends too early; fetch it again".to_owned()),
                other => fail(other.to_string()),
            })?;
        let listed = Listed::of(&values, root, limits).map_err(|fault| match fault {
            Fault::Problem(problem) => fail(problem),
            Fault::Invalid(invalid) => Error::malformed(path)(invalid.into()),
        })?;
        let remark = |(module, name): (&str, &str)| Remark::PickleGlobal {
            module: Quoted::new(module),
            name: Quoted::new(name),
        };
        let strangers = values.strangers().into_iter().map(remark);
        let remarks = strangers.chain(listed.remarks).collect();
        let (tensors, pieces): (Vec<_>, Vec<_>) = listed.tensors.into_iter().unzip();
        let files = listed.files.iter().map(|name| path.with_file_name(name));
        let distributed = Self {
            path: path.to_owned(),
            files: files.collect(),
            tensors: Tensors::new(tensors).map_err(Error::malformed(path))?,
            pieces,
            metadata: Metadata::new(),
            remarks,
            limits: limits.clone(),
            opened: Mutex::default(),
        };
        distributed.check()?;
        Ok(distributed)
    }

    /// Checks that all files are there and long enough for what is said of them.
    fn check(&self) -> Result<(), Error> {
        let absent = self.files.iter().filter(|file| !file.exists());
        let names = absent.filter_map(|file| file.file_name());
        let missing: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingParts {
                path: self.path.clone(),
                missing,
            });
        }
        let lengths = self
            .files
            .iter()
            .map(|file| open_file(file).map(|(_, bytes)| bytes));
        let lengths: Vec<u64> = lengths.collect::<Result<_, Error>>()?;
        let bytes = lengths.iter().sum();
        check_budget(&self.tensors, bytes, &self.limits)
            .map_err(|problem| failed(&self.path, problem))?;
        for piece in self.pieces.iter().flatten() {
            let end = piece.start.checked_add(piece.bytes);
            if end.is_none_or(|end| end > lengths[piece.file]) {
                let problem = "it is shorter than .metadata says; fetch it again";
                return Err(failed(&self.files[piece.file], problem.to_owned()));
            }
        }
        Ok(())
    }

    /// The archive of a box, opened unless it was lately.
    fn archive(&self, tensor: usize, piece: &Piece) -> Result<Arc<Torch>, Error> {
        let key = (piece.file, piece.start);
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, torch)) = lock().iter().find(|(of, _)| *of == key) {
            return Ok(Arc::clone(torch));
        }
        let path = &self.files[piece.file];
        let file = File::open(path).map_err(Error::io("open", path))?;
        let range = piece.start..piece.start + piece.bytes;
        let archive = Archive::open_in(path, file, range, &self.limits)?;
        let torch = Torch::open_tensor(archive, &self.limits)?;
        let info = &self.tensors[tensor];
        let found = torch.tensors().first();
        let is_said = |found: &crate::TensorInfo| {
            found.dtype() == info.dtype() && found.shape() == piece.sizes
        };
        if !found.is_some_and(is_said) {
            let name = Quoted::new(info.name());
            let problem = format!("a piece of tensor {name} is another than .metadata says");
            return Err(failed(path, problem));
        }
        let torch = Arc::new(torch);
        let mut opened = lock();
        if opened.len() == KEPT {
            opened.remove(0);
        }
        opened.push((key, Arc::clone(&torch)));
        Ok(torch)
    }
}

impl Checkpoint for Distributed {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Torch
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let first = self.pieces.get(tensor)?.first();
        Some(first.map_or(&self.path, |piece| &self.files[piece.file]))
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let pieces = self.pieces.get(tensor).into_iter().flatten();
        pieces.map(|piece| &*self.files[piece.file]).collect()
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        for piece in &self.pieces[tensor] {
            piece.block.copy(offset, into, |from, bytes| {
                self.archive(tensor, piece)?.read(0, from, bytes)
            })?;
        }
        Ok(())
    }
}
