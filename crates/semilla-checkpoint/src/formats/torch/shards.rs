//! A model in several files of PyTorch, listed by an index.

use std::path::Path;

use semilla::Layout;

use crate::error::Error;
use crate::io::index::{Index, check_shard, common};
use crate::{Checkpoint, Format, Metadata, Remark, TensorInfo, Tensors};

/// The shards of an index that are read by a reader of their own each.
///
/// The tensors come by the shard's name, and in the shard's own order.
pub(crate) struct Shards {
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
    pub(crate) fn open(
        path: &Path,
        index: &Index,
        open: impl Fn(&Path) -> Result<Box<dyn Checkpoint>, Error>,
    ) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut shards = Vec::new();
        let mut tensors = Vec::new();
        let mut locations = Vec::new();
        let mut remarks: Vec<Remark> = Vec::new();
        let mut metadata = None;
        for lines in index.shards() {
            let shard = open(&folder.join(&lines[0].shard))?;
            let names = shard.tensors().iter().map(TensorInfo::name);
            check_shard(lines, names).map_err(Error::malformed(path))?;
            locations.extend((0..shard.tensors().len()).map(|tensor| (shards.len(), tensor)));
            tensors.extend_from_slice(shard.tensors());
            for remark in shard.remarks() {
                // Every shard may name the same stranger; counts are of the shard itself.
                if !(remark.is_suspicious() && remarks.contains(remark)) {
                    remarks.push(remark.clone());
                }
            }
            metadata = Some(common(metadata, shard.metadata().clone()));
            shards.push(shard);
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
            None => Err(Error::NoSuchTensor {
                tensor,
                count: self.tensors.len(),
            }),
        }
    }
}
