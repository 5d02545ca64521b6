//! Weights that Keras keeps in HDF5, and HDF5 files of datasets in general.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdf5_reader::{Dataset, Hdf5File, OpenOptions};
use semilla::Layout;

use super::archive::Entry;
use super::attributes::Attributes;
use super::dtype::ElementType;
use super::source::Source;
use super::tree::{Leaf, Place, RefusedLinks, Tree};
use super::{archive, dtype, layers, legacy, tree};
use crate::error::{Error, Malformed, Quoted};
use crate::formats::safetensors::index::Index;
use crate::formats::safetensors::reader::{check_range, check_shard, open_file};
use crate::io::archive::Archive;
use crate::io::decoded::Decoded;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, TensorInfo, Tensors};

/// Tensors in HDF5 files, under Keras's names where Keras wrote them.
///
/// What is read: a Keras 2 model or its weights (`.h5`, `.hdf5`), the weights of a Keras 3 model (`.weights.h5`), in shards
/// too (`.weights.json`), a `.keras` archive with those inside, and any other HDF5 file of datasets. A model's description is
/// never interpreted.
///
/// # Names
///
/// **Keras 2** lists a layer's weights. A name is `layer/weight` without the `:0` at its end; what the weight's own name
/// has up to the layer's name, or up to that name with a number added, is not repeated (`conv2d_1/conv2d_1_1/kernel:0`
/// becomes `conv2d_1/kernel`). Where this would give two weights one name, both keep `layer/weight` in full.
///
/// **Keras 3** files have a group `vars` per layer, with the layer's name and numbered variables. A layer has its own name
/// (`block1_conv1`), a part of a layer the names of the layers that it is a part of and its own (`attention/query`). Where
/// this would give two layers one name, the names of the models around them come before (`left/project`); where there
/// is no name, or still the same one, the path of the group stands instead (`layers/dense_1`).
///
/// The numbers become Keras's names of the variables where the layer's kind tells them: the group is called after the
/// layer's class, and number and ranks of the variables must fit the class. Known are dense, (transposed, depthwise,
/// separable) convolutions, normalizations with all their variables, embeddings, the cells of recurrent layers, the
/// projections of attention. Of an unknown class, a tensor and one of the shape of its last axes are `kernel` and `bias`,
/// and four vectors of one size a batch normalization. Otherwise the numbers stay. A kernel's [`Layout`] is stated where
/// the class tells it and its name does not: depthwise, pointwise and transposed convolutions, attention.
///
/// **Shards** give the names that one file would give: a layer's own name may lie in another shard than its variables.
///
/// **Other datasets** are called by their paths.
///
/// The state of optimizers and of random generators is left out, as are values that the file's own list does not name; a
/// [`Remark`] counts them.
///
/// # Limits
///
/// Listing reads metadata only, and a bounded amount of it. Nothing outside the file is ever read: external links,
/// external storage and virtual datasets are errors, as are two links to one group. A soft link that leads nowhere is
/// no entry. Chunked datasets are decoded whole, contiguous ones read where they lie. Weights compressed in an archive
/// are unpacked into memory; the checksum of uncompressed ones is compared once, before the first of them is read.
pub struct Keras {
    /// The file that holds the weights, or the shards.
    parts: Vec<Part>,
    tensors: Tensors,
    values: Vec<Value>,
    layouts: Vec<Option<Layout>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    /// The archive that the weights lie in as they are.
    archive: Option<Archive>,
    decoded: Decoded,
}

/// An HDF5 file.
struct Part {
    path: PathBuf,
    source: Arc<Source>,
    /// How much of the source decoding one tensor may read.
    budget: u64,
    file: Hdf5File,
}

/// Where a tensor's values come from.
struct Value {
    part: usize,
    dataset: Dataset,
    element: ElementType,
    place: Place,
}

/// A tensor under its final name: what the files' kinds give.
pub(super) struct Named {
    pub(super) name: String,
    /// The position among the datasets of the tree.
    pub(super) value: usize,
    pub(super) layout: Option<Layout>,
}

/// The datasets that are the model's weights, and what is to be said about the others.
#[derive(Default)]
pub(super) struct Selection {
    pub(super) weights: Vec<Named>,
    pub(super) remarks: Vec<Remark>,
}

impl Selection {
    pub(super) fn leave_out(&mut self, count: usize, what: &'static str) {
        if count > 0 {
            self.remarks.push(Remark::LeftOut { count, what });
        }
    }
}

/// What is wrong with a file, without its path.
pub(super) type Problem = String;

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

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

    /// Reads the content of an HDF5 file or of a `.keras` archive from memory; `path` is what errors call it.
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
        let (part, tree) = Part::read(0, path, source, limits)?;
        let select = || match legacy::weights_group(&tree)? {
            Some(group) => legacy::select(&tree, group),
            None => Ok(layers::select(&tree.datasets, &layers::own_names(&tree)?)),
        };
        let selection = select().map_err(refused(path))?;
        let metadata = metadata(&tree).map_err(refused(path))?;
        let keras = Self::list(path, vec![part], &tree.datasets, selection, limits)?;
        Ok(Self { metadata, ..keras })
    }

    /// Opens the shards of an index that lies at `path`, in their folder. The tensors come in the order in which one file
    /// would have them.
    ///
    /// # Errors
    /// As [`Keras::open`]; and the index and the shards do not list the same groups of variables, or two shards
    /// contradict each other.
    pub fn open_shards(path: &Path, index: &Index, limits: &Limits) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut parts = Vec::new();
        let mut datasets = Vec::new();
        let mut own = BTreeMap::new();
        for lines in index.shards() {
            let shard = folder.join(&lines[0].shard);
            let (file, bytes) = open_file(&shard)?;
            let source = Source::file(file, 0, bytes);
            let (part, tree) = Part::read(parts.len(), &shard, source, limits)?;
            let groups: BTreeSet<String> = tree
                .datasets
                .iter()
                .map(|leaf| format!("/{}", leaf.folder()))
                .collect();
            check_shard(lines, groups.iter().map(String::as_str))
                .map_err(Error::malformed(path))?;
            let names = layers::own_names(&tree).map_err(refused(&shard))?;
            add_names(&mut own, names).map_err(refused(&shard))?;
            datasets.extend(tree.datasets);
            if datasets.len() > limits.tensors {
                let limit = limits.tensors;
                let problem =
                    format!("its shards have more than {limit} datasets (Limits::tensors)");
                return Err(refused(path)(problem));
            }
            parts.push(part);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = datasets.iter().find(|leaf| !seen.insert(&*leaf.path)) {
            let twice = Malformed::Duplicate(Quoted::new(&twice.path));
            return Err(Error::malformed(path)(twice));
        }
        datasets.sort_by_cached_key(Leaf::order);
        let selection = layers::select(&datasets, &own);
        Self::list(path, parts, &datasets, selection, limits)
    }

    fn list(
        path: &Path,
        parts: Vec<Part>,
        datasets: &[Leaf],
        selection: Selection,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut infos = Vec::with_capacity(selection.weights.len());
        let mut values = Vec::with_capacity(selection.weights.len());
        let mut layouts = Vec::with_capacity(selection.weights.len());
        for named in selection.weights {
            let leaf = &datasets[named.value];
            let part = &parts[leaf.part];
            let (info, value) = part
                .describe(leaf, &named.name, limits)
                .map_err(refused(&part.path))?;
            let fits = |layout: &Layout| layout.axes().len() == info.shape().len();
            layouts.push(named.layout.filter(fits));
            infos.push(info);
            values.push(value);
        }
        let tensors = Tensors::new(infos).map_err(|why| refused(path)(why.to_string()))?;
        let bytes = parts.iter().map(|part| part.source.bytes()).sum();
        check_declared(tensors.bytes(), bytes, limits).map_err(refused(path))?;
        Ok(Self {
            parts,
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
                    "it calls the layer {} {}, and an earlier shard calls it {}; save the weights again",
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

impl Part {
    /// Opens a file, the one with this number, and visits what it holds.
    fn read(
        number: usize,
        path: &Path,
        source: Source,
        limits: &Limits,
    ) -> Result<(Self, Tree), Error> {
        let source = Arc::new(source);
        let links = Arc::new(RefusedLinks::default());
        let budget = budget(source.bytes(), limits);
        source.allow(budget);
        let file = open_hdf5(&source, &links, limits).map_err(refused(path))?;
        let tree = Tree::read(&file, number, &links, limits).map_err(refused(path))?;
        let path = path.to_owned();
        Ok((
            Self {
                path,
                source,
                budget,
                file,
            },
            tree,
        ))
    }

    /// The tensor that a dataset holds, and how to read it.
    fn describe(
        &self,
        leaf: &Leaf,
        name: &str,
        limits: &Limits,
    ) -> Result<(TensorInfo, Value), Problem> {
        let file_bytes = self.source.bytes();
        let dataset = &leaf.dataset;
        let located = |problem: Problem| format!("dataset {}: {problem}", Quoted::new(&leaf.path));
        let element = dtype::of(dataset).map_err(located)?;
        let shape = tree::shape(dataset).map_err(located)?;
        let info = TensorInfo::new(name, element.dtype, shape).map_err(|why| why.to_string())?;
        let unpacked = tree::unpacked_bytes(dataset, &info);
        check_declared(unpacked, file_bytes, limits).map_err(located)?;
        let place = tree::place(&self.file, dataset, &info, element).map_err(located)?;
        match place {
            Place::At(start) if start.saturating_add(info.bytes()) > file_bytes => Err(located(
                "its values lie beyond the end of the file, which is truncated; fetch it again"
                    .to_owned(),
            )),
            Place::Decode if info.bytes() > limits.decoded_bytes => Err(located(format!(
                "its {} bytes are more than the {} that may be decoded at once (Limits::decoded_bytes)",
                info.bytes(),
                limits.decoded_bytes
            ))),
            place => {
                let value = Value {
                    part: leaf.part,
                    dataset: dataset.clone(),
                    element,
                    place,
                };
                Ok((info, value))
            }
        }
    }
}

/// How much listing, or decoding one tensor, may read: enough to visit everything a few times, too little for a file
/// whose objects or chunks share their bytes thousandfold.
fn budget(file: u64, limits: &Limits) -> u64 {
    file.saturating_mul(8).saturating_add(limits.header_bytes)
}

fn open_hdf5(
    source: &Arc<Source>,
    links: &Arc<RefusedLinks>,
    limits: &Limits,
) -> Result<Hdf5File, Problem> {
    let at_most = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let unpacked = source.bytes().saturating_mul(limits.expansion);
    let options = OpenOptions::default()
        // `Decoded` keeps what is worth keeping.
        .with_chunk_cache_bytes(0)
        .with_max_read_bytes(at_most(limits.decoded_bytes))
        .with_max_chunk_bytes(at_most(limits.decoded_bytes.min(unpacked)))
        .with_max_object_header_bytes(at_most(limits.header_bytes))
        .with_external_link_resolver(links.clone());
    Hdf5File::from_storage_with_options(source.clone(), options).map_err(|e| problem(&e))
}

fn check_declared(declared: u64, file: u64, limits: &Limits) -> Result<(), Problem> {
    if declared <= file.saturating_mul(limits.expansion) {
        return Ok(());
    }
    Err(format!(
        "{declared} bytes are declared in a file of {file}, more than {} times as many (Limits::expansion)",
        limits.expansion
    ))
}

/// What Keras 2 says about itself.
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
        Some(&self.parts[value.part].path)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        if let Some(archive) = &self.archive {
            for entry in archive.named(archive::WEIGHTS) {
                archive.check(entry, Format::Keras)?;
            }
        }
        let value = &self.values[tensor];
        let part = &self.parts[value.part];
        if let Place::At(start) = value.place {
            return part
                .source
                .read_at(start + offset, into)
                .map_err(Error::io("read", &part.path));
        }
        self.decoded.read(tensor, offset, into, || {
            // One thread decodes at a time.
            part.source.allow(part.budget);
            decode(value, info).map_err(refused(&part.path))
        })
    }
}

/// All bytes of a tensor, little-endian.
fn decode(value: &Value, info: &TensorInfo) -> Result<Vec<u8>, Problem> {
    let mut bytes = value.dataset.read_raw_bytes().map_err(|e| problem(&e))?;
    if bytes.len() as u64 != info.bytes() {
        return Err(format!(
            "dataset {:?} has {} bytes where {} are due",
            info.name(),
            bytes.len(),
            info.bytes()
        ));
    }
    if value.element.big_endian {
        bytes
            .chunks_exact_mut(info.dtype().size())
            .for_each(|element| element.reverse());
    }
    Ok(bytes)
}

/// Whether an HDF5 file starts somewhere that readers look: at 0, 512, 1024, 2048, ...
pub(crate) fn has_signature(file: &File, bytes: u64) -> bool {
    let offsets = std::iter::once(0).chain((9..63).map(|power| 1u64 << power));
    offsets
        .take_while(|&offset| offset.saturating_add(SIGNATURE.len() as u64) <= bytes)
        .any(|offset| {
            let mut found = [0; SIGNATURE.len()];
            crate::io::position::read_at(file, &mut found, offset).is_ok() && found == SIGNATURE
        })
}

fn refused(path: &Path) -> impl Fn(Problem) -> Error {
    move |problem| Error::Format {
        path: path.to_owned(),
        format: Format::Keras,
        problem,
    }
}

/// What the HDF5 reader found wrong, in words safe to print: the text may quote the file.
pub(super) fn problem(error: &hdf5_reader::error::Error) -> Problem {
    use hdf5_reader::error::Error as Hdf5;
    let mut cause = error;
    while let Hdf5::Context { source, .. } = cause {
        cause = source;
    }
    let advice = match cause {
        Hdf5::UnsupportedLayoutClass(3) => {
            " (a virtual dataset, whose values lie in other files; those are never read)"
        }
        Hdf5::UnexpectedEof { .. } | Hdf5::OffsetOutOfBounds(_) => {
            " (the file is truncated or damaged; fetch it again)"
        }
        _ => "",
    };
    let text: String = error.to_string().chars().take(300).collect();
    let safe = text.escape_debug().to_string().replace("\\'", "'");
    format!("{safe}{advice}")
}
