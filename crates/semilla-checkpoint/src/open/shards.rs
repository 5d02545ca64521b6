//! A model in several files, each read by a reader of its own.

use std::path::{Path, PathBuf};

use semilla::Layout;

use crate::error::Error;
use crate::io::index::common;
#[cfg(feature = "torch")]
use crate::io::index::{Index, check_shard};
use crate::{Checkpoint, Format, Metadata, Remark, Tensors};

/// The files of a model in parts: those of an index, or all that their own names speak of.
///
/// The tensors come by the shard's name, and in the shard's own order.
pub(super) struct Shards {
    /// At least one.
    shards: Vec<Box<dyn Checkpoint>>,
    tensors: Tensors,
    /// For each tensor the shard that holds it, and its position there.
    locations: Vec<(usize, usize)>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

impl Shards {
    /// Opens the shards of an index that lies at `path`, in their folder, each with `open`.
    ///
    /// # Errors
    /// Those of `open`; and the index and the shards do not list the same tensors.
    #[cfg(feature = "torch")]
    pub(super) fn open(
        path: &Path,
        index: &Index,
        open: impl Fn(&Path) -> Result<Box<dyn Checkpoint>, Error>,
    ) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut shards = Vec::new();
        for lines in index.shards() {
            let shard = open(&folder.join(&lines[0].shard))?;
            let unread = shard.remarks().iter().filter_map(Remark::unreadable);
            let names = shard.tensors().iter().map(|info| info.name()).chain(unread);
            check_shard(lines, names).map_err(Error::malformed(path))?;
            shards.push(shard);
        }
        Self::of(path, shards)
    }

    /// Opens files that together are a model, the first of them at `path`, each with `open`.
    ///
    /// # Errors
    /// Those of `open`; and two files have a tensor of one name.
    pub(super) fn join(
        path: &Path,
        files: &[PathBuf],
        open: impl Fn(&Path) -> Result<Box<dyn Checkpoint>, Error>,
    ) -> Result<Self, Error> {
        let shards: Result<Vec<_>, Error> = files.iter().map(|file| open(file)).collect();
        Self::of(path, shards?)
    }

    fn no_such(&self, tensor: usize) -> Error {
        Error::NoSuchTensor {
            tensor,
            count: self.tensors.len(),
        }
    }

    fn of(path: &Path, shards: Vec<Box<dyn Checkpoint>>) -> Result<Self, Error> {
        let mut tensors = Vec::new();
        let mut locations = Vec::new();
        let mut remarks: Vec<Remark> = Vec::new();
        let mut metadata = None;
        for (number, shard) in shards.iter().enumerate() {
            locations.extend((0..shard.tensors().len()).map(|tensor| (number, tensor)));
            tensors.extend_from_slice(shard.tensors());
            for remark in shard.remarks() {
                // Every shard may name the same stranger; counts are of the shard itself.
                if !(remark.is_suspicious() && remarks.contains(remark)) {
                    remarks.push(remark.clone());
                }
            }
            metadata = Some(common(metadata, shard.metadata().clone()));
        }
        Ok(Self {
            shards,
            tensors: Tensors::new(tensors).map_err(Error::malformed(path))?,
            locations,
            metadata: metadata.unwrap_or_default(),
            remarks,
        })
    }
}

impl Checkpoint for Shards {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        self.shards
            .first()
            .map_or(Format::Torch, |shard| shard.format())
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        let &(shard, position) = self.locations.get(tensor)?;
        self.shards[shard].layout(position)
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let &(shard, position) = self.locations.get(tensor)?;
        self.shards[shard].file(position)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        match self.locations.get(tensor) {
            Some(&(shard, position)) => self.shards[shard].read(position, offset, into),
            None => Err(self.no_such(tensor)),
        }
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        match self.locations.get(tensor) {
            Some(&(shard, position)) => self.shards[shard].scan(position, look),
            None => Err(self.no_such(tensor)),
        }
    }
}
