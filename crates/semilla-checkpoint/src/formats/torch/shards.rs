//! A model in several files of PyTorch, listed by an index.

use std::path::Path;

use semilla::Layout;

use crate::error::Error;
use crate::formats::safetensors::index::Index;
use crate::formats::safetensors::reader::{check_shard, common};
use crate::{Checkpoint, Format, Metadata, Remark, TensorInfo, Tensors};

/// The shards of an index that are read by a reader of their own each.
///
/// The tensors come by the shard's name, and in the shard's own order.
pub(crate) struct Shards {
    /// At least one.
    parts: Vec<Box<dyn Checkpoint>>,
    tensors: Tensors,
    /// For each tensor the part that holds it, and its position there.
    places: Vec<(usize, usize)>,
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
        let mut parts = Vec::new();
        let mut tensors = Vec::new();
        let mut places = Vec::new();
        let mut remarks: Vec<Remark> = Vec::new();
        let mut metadata = None;
        for lines in index.shards() {
            let part = open(&folder.join(&lines[0].shard))?;
            let names = part.tensors().iter().map(TensorInfo::name);
            check_shard(lines, names).map_err(Error::malformed(path))?;
            places.extend((0..part.tensors().len()).map(|tensor| (parts.len(), tensor)));
            tensors.extend_from_slice(part.tensors());
            for remark in part.remarks() {
                // Every shard may name the same stranger; counts are of the shard itself.
                if !(remark.is_suspicious() && remarks.contains(remark)) {
                    remarks.push(remark.clone());
                }
            }
            metadata = Some(common(metadata, part.metadata().clone()));
            parts.push(part);
        }
        Ok(Self {
            parts,
            tensors: Tensors::new(tensors).map_err(Error::malformed(path))?,
            places,
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
        self.parts
            .first()
            .map_or(Format::Torch, |part| part.format())
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        let &(part, place) = self.places.get(tensor)?;
        self.parts[part].layout(place)
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let &(part, place) = self.places.get(tensor)?;
        self.parts[part].file(place)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        match self.places.get(tensor) {
            Some(&(part, place)) => self.parts[part].read(place, offset, into),
            None => Err(Error::NoSuchTensor {
                tensor,
                count: self.tensors.len(),
            }),
        }
    }
}
