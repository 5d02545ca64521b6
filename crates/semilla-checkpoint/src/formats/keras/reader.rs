//! Reading HDF5 files, the shards of an index, and `.keras` archives.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use semilla::Layout;

use super::archive::Entry;
use super::attributes::Attributes;
use super::problem::{Problem, refused};
use super::selection::Selection;
use super::shard::{Shard, Value, check_declared};
use super::source::Source;
use super::tree::{Leaf, Location, Tree};
use super::{archive, layers, legacy};
use crate::error::Error;
use crate::io::archive::Archive;
use crate::io::decoded::Decoded;
use crate::io::file::open_file;
use crate::io::index::{Index, check_shard};
use crate::io::range::check_range;
use crate::malformed::Malformed;
use crate::quoted::Quoted;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, Tensors};

/// Tensors in HDF5 files, under Keras's names where Keras wrote them.
///
/// It reads a Keras 2 model or its weights (`.h5`, `.hdf5`), the weights of a Keras 3 model
/// (`.weights.h5`), in shards too (`.weights.json`), a `.keras` archive with those inside, and any
/// other HDF5 file of datasets. A model's description is never interpreted.
///
/// # Names
///
/// **Keras 2** lists a layer's weights. A name is `layer/weight` without the `:0` at its end; what
/// the weight's own name has up to the layer's name, or up to that name with a number added, is not
/// repeated (`conv2d_1/conv2d_1_1/kernel:0` becomes `conv2d_1/kernel`). Where this would give two
/// weights one name, both keep `layer/weight` in full.
///
/// **Keras 3** files have a group `vars` per layer, with the layer's name and numbered variables. A
/// layer has its own name (`block1_conv1`), a part of a layer the names of the layers that it is a
/// part of and its own (`attention/query`). Where this would give two layers one name, the names of
/// the models around them come before (`left/project`); where there is no name, or still the same
/// one, the path of the group stands instead (`layers/dense_1`).
///
/// The numbers become Keras's names of the variables where the layer's kind tells them: the group
/// is called after the layer's class, and number and ranks of the variables must fit the class.
/// Known are dense, (transposed, depthwise, separable) convolutions, normalizations with all their
/// variables, embeddings, the cells of recurrent layers, the projections of attention. Of an
/// unknown class, a tensor and one of the shape of its last axes are `kernel` and `bias`, and four
/// vectors of one size a batch normalization. Otherwise the numbers stay. A kernel's [`Layout`] is
/// stated where the class tells it and its name does not: depthwise, pointwise and transposed
/// convolutions, attention.
///
/// **Shards** give the names that one file would give: a layer's own name may be in a different
/// shard than its variables.
///
/// **Other datasets** are called by their paths.
///
/// The state of optimizers and of random generators is left out, as are values that the file's own
/// list does not name; a [`Remark`] counts them.
///
/// # Limits
///
/// Listing reads metadata only, and a bounded amount of it. Nothing outside the file is ever read:
/// external links, external storage and virtual datasets are errors, as are two links to one group.
/// A soft link that leads nowhere is ignored. Chunked datasets are decoded whole, contiguous ones
/// read in place. Weights compressed in an archive are unpacked into memory; the checksum of
/// uncompressed ones is compared once, before the first of them is read.
pub struct Keras {
    /// One for each file.
    shards: Vec<Shard>,
    tensors: Tensors,
    values: Vec<Value>,
    layouts: Vec<Option<Layout>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    /// The archive that stores the weights uncompressed.
    archive: Option<Archive>,
    decoded: Decoded,
}

impl Keras {
    /// Opens an HDF5 file or a `.keras` archive.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, is beyond the limits, or refers to other files.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut start = Vec::new();
        (&file)
            .take(4)
            .read_to_end(&mut start)
            .map_err(Error::io("read", path))?;
        if !start.starts_with(b"PK") {
            return Self::single(path, Source::file(file, 0, bytes), limits);
        }
        // Refuses archives that two readers may understand differently.
        let archive = Archive::open(path, limits)?;
        let (source, archive) =
            match archive::weights(BufReader::new(&file), limits).map_err(refused(path))? {
                Entry::Stored { start, len } => (Source::file(file, start, len), Some(archive)),
                Entry::Unpacked(bytes) => (Source::memory(bytes), None),
            };
        let listed = Self::single(path, source, limits)?;
        Ok(Self { archive, ..listed })
    }

    /// Reads the content of an HDF5 file or of a `.keras` archive from memory; `path` is what
    /// errors call it.
    ///
    /// # Errors
    /// As [`Keras::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>, limits: &Limits) -> Result<Self, Error> {
        let bytes = if bytes.starts_with(b"PK") {
            let entry = archive::weights(Cursor::new(&bytes), limits)
                .and_then(|entry| archive::check(Cursor::new(&bytes)).map(|()| entry))
                .map_err(refused(path))?;
            match entry {
                Entry::Stored { start, len } => bytes[start as usize..][..len as usize].to_vec(),
                Entry::Unpacked(bytes) => bytes,
            }
        } else {
            bytes
        };
        Self::single(path, Source::memory(bytes), limits)
    }

    fn single(path: &Path, source: Source, limits: &Limits) -> Result<Self, Error> {
        let (shard, tree) = Shard::read(0, path, source, limits)?;
        let select = || match legacy::weights_group(&tree)? {
            Some(group) => legacy::select(&tree, group),
            None => Ok(layers::select(&tree.datasets, &layers::own_names(&tree)?)),
        };
        let selection = select().map_err(refused(path))?;
        let metadata = metadata(&tree).map_err(refused(path))?;
        let keras = Self::list(path, vec![shard], &tree.datasets, selection, limits)?;
        Ok(Self { metadata, ..keras })
    }

    /// Opens the shards of an index that lies at `path`, in their folder. The tensors come in the
    /// order in which one file would have them.
    ///
    /// # Errors
    /// As [`Keras::open`]; and the index and the shards do not list the same groups of variables,
    /// or two shards contradict each other.
    pub fn open_shards(path: &Path, index: &Index, limits: &Limits) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut shards = Vec::new();
        let mut datasets = Vec::new();
        let mut own = BTreeMap::new();
        for lines in index.shards() {
            let shard_path = folder.join(&lines[0].shard);
            let (file, bytes) = open_file(&shard_path)?;
            let source = Source::file(file, 0, bytes);
            let (shard, tree) = Shard::read(shards.len(), &shard_path, source, limits)?;
            let groups: BTreeSet<String> = tree
                .datasets
                .iter()
                .map(|leaf| format!("/{}", leaf.folder()))
                .collect();
            check_shard(lines, groups.iter().map(String::as_str))
                .map_err(Error::malformed(path))?;
            let names = layers::own_names(&tree).map_err(refused(&shard_path))?;
            add_names(&mut own, names).map_err(refused(&shard_path))?;
            datasets.extend(tree.datasets);
            if datasets.len() > limits.tensors {
                let limit = limits.tensors;
                let problem =
                    format!("its shards have more than {limit} datasets (Limits::tensors)");
                return Err(refused(path)(problem));
            }
            shards.push(shard);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = datasets.iter().find(|leaf| !seen.insert(&*leaf.path)) {
            let twice = Malformed::Duplicate(Quoted::new(&twice.path));
            return Err(Error::malformed(path)(twice));
        }
        datasets.sort_by_cached_key(Leaf::order);
        let selection = layers::select(&datasets, &own);
        Self::list(path, shards, &datasets, selection, limits)
    }

    fn list(
        path: &Path,
        shards: Vec<Shard>,
        datasets: &[Leaf],
        selection: Selection,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut infos = Vec::with_capacity(selection.weights.len());
        let mut values = Vec::with_capacity(selection.weights.len());
        let mut layouts = Vec::with_capacity(selection.weights.len());
        for named in selection.weights {
            let leaf = &datasets[named.value];
            let shard = &shards[leaf.shard];
            let (info, value) = shard
                .describe(leaf, &named.name, limits)
                .map_err(refused(shard.path()))?;
            let fits = |layout: &Layout| layout.axes().len() == info.shape().len();
            layouts.push(named.layout.filter(fits));
            infos.push(info);
            values.push(value);
        }
        let tensors = Tensors::new(infos).map_err(Error::malformed(path))?;
        let bytes = shards.iter().map(|shard| shard.bytes()).sum();
        check_declared(tensors.bytes(), bytes, limits).map_err(refused(path))?;
        Ok(Self {
            shards,
            tensors,
            values,
            layouts,
            metadata: Metadata::new(),
            remarks: selection.remarks,
            archive: None,
            decoded: Decoded::default(),
        })
    }
}

/// Adds the names that a shard gives to layers.
fn add_names(
    own: &mut BTreeMap<String, String>,
    names: BTreeMap<String, String>,
) -> Result<(), Problem> {
    for (layer, name) in names {
        match own.get(&layer) {
            Some(other) if *other != name => {
                return Err(format!(
                    "it calls the layer {} {}, and an earlier shard calls it {}; \
                     save the weights again",
                    Quoted::new(&layer),
                    Quoted::new(&name),
                    Quoted::new(other)
                ));
            }
            Some(_) => {}
            None => {
                own.insert(layer, name);
            }
        }
    }
    Ok(())
}

/// The versions that Keras 2 notes about itself.
fn metadata(tree: &Tree) -> Result<Metadata, Problem> {
    let root = Attributes::of_group(tree.root())?;
    let mut metadata = Metadata::new();
    for key in ["keras_version", "backend"] {
        if let Some(value) = root.text(key) {
            metadata.insert(key.to_owned(), value);
        }
    }
    Ok(metadata)
}

impl Checkpoint for Keras {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Keras
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.layouts.get(tensor)?.as_ref()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let value = self.values.get(tensor)?;
        Some(self.shards[value.shard].path())
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        if let Some(archive) = &self.archive {
            for entry in archive.named(archive::WEIGHTS) {
                archive.check(entry, Format::Keras)?;
            }
        }
        let value = &self.values[tensor];
        let shard = &self.shards[value.shard];
        match value.location {
            Location::At(start) => shard.read_at(start + offset, into),
            // One thread decodes at a time.
            Location::Decode => self
                .decoded
                .read(tensor, offset, into, || shard.decode(value, info)),
        }
    }
}
