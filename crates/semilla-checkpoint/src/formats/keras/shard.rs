//! One HDF5 file: its datasets described, its values read or decoded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdf5_reader::{Dataset, Hdf5File, OpenOptions};

use super::dtype::{self, ElementType};
use super::problem::{Problem, problem, refused};
use super::source::Source;
use super::tree::{self, Leaf, Location, RefusedLinks, Tree};
use crate::error::Error;
use crate::io::limits::Limits;
use crate::quoted::Quoted;
use crate::tensor::TensorInfo;

/// An HDF5 file: all of a model, or a shard of it.
pub(super) struct Shard {
    path: PathBuf,
    source: Arc<Source>,
    /// How much of the source decoding one tensor may read.
    budget: u64,
    file: Hdf5File,
}

/// Where a tensor's values come from.
pub(super) struct Value {
    /// The number of the file.
    pub(super) shard: usize,
    dataset: Dataset,
    element: ElementType,
    pub(super) location: Location,
}

impl Shard {
    /// Opens a file, the one with this number, and visits what it holds.
    pub(super) fn read(
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
    pub(super) fn describe(
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
        let info = TensorInfo::new(name, element.dtype, shape)
            .map_err(|invalid| format!("{invalid}: {}", invalid.fault))?;
        let unpacked = tree::unpacked_bytes(dataset, &info);
        check_declared(unpacked, file_bytes, limits).map_err(located)?;
        let location = tree::location(&self.file, dataset, &info, element).map_err(located)?;
        match location {
            Location::At(start) if start.saturating_add(info.bytes()) > file_bytes => Err(located(
                "its values lie beyond the end of the file, which is truncated; fetch it again"
                    .to_owned(),
            )),
            Location::Decode if info.bytes() > limits.decoded_bytes => Err(located(format!(
                "its {} bytes are more than the {} that may be decoded at once \
                 (Limits::decoded_bytes)",
                info.bytes(),
                limits.decoded_bytes
            ))),
            location => {
                let value = Value {
                    shard: leaf.shard,
                    dataset: dataset.clone(),
                    element,
                    location,
                };
                Ok((info, value))
            }
        }
    }
    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length.
    pub(super) fn bytes(&self) -> u64 {
        self.source.bytes()
    }

    /// Reads bytes that the file stores uncompressed.
    pub(super) fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), Error> {
        self.source
            .read_at(at, into)
            .map_err(Error::io("read", &self.path))
    }

    /// Decodes all of a tensor, from one thread at a time.
    pub(super) fn decode(&self, value: &Value, info: &TensorInfo) -> Result<Vec<u8>, Error> {
        self.source.allow(self.budget);
        decode(value, info).map_err(refused(&self.path))
    }
}

/// How much listing, or decoding one tensor, may read: enough to visit everything a few times, too
/// little for a file whose objects or chunks share their bytes thousandfold.
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

/// Checks that a file does not declare many times what it has.
pub(super) fn check_declared(declared: u64, file: u64, limits: &Limits) -> Result<(), Problem> {
    if declared <= file.saturating_mul(limits.expansion) {
        return Ok(());
    }
    Err(format!(
        "{declared} bytes are declared in a file of {file}, more than {} times as many \
         (Limits::expansion)",
        limits.expansion
    ))
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
