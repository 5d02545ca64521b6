//! Writing one file, or shards and their index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::Error;
use crate::formats::safetensors::arrangement::{Arrangement, MAX_WRITTEN};
use crate::formats::safetensors::written::Written;
use crate::io::partial::{Partial, check_target, folder_of, sync_folder};
use crate::io::range::check_range;
use crate::quoted::Quoted;
use crate::{ByteSize, CheckpointWriter, Metadata, TensorInfo, Tensors};

/// Writes safetensors: one file, or shards and their index.
///
/// Until [`SafetensorsWriter::finish`] all files carry temporary names beside their final ones;
/// dropped before, the writer removes them. The same tensors and bytes give the same files,
/// whatever the order of the writes.
#[derive(Debug)]
pub struct SafetensorsWriter {
    tensors: Tensors,
    locations: Vec<Location>,
    files: Vec<Partial>,
    index: Option<Partial>,
}

#[derive(Debug, Default)]
struct Location {
    file: usize,
    /// In bytes from the file's start.
    start: u64,
    written: Mutex<Written>,
}

impl SafetensorsWriter {
    /// Takes the place of all files on the disk and writes their headers.
    ///
    /// With `max_shard`, a model with more bytes of data than that is split, in the order of the
    /// list, as huggingface_hub does: a tensor that does not fit in the current shard starts the
    /// next, and a tensor beyond the limit has a shard of its own. `OUT.safetensors` becomes
    /// `OUT-00001-of-00003.safetensors` and so on, with `OUT.safetensors.index.json`.
    ///
    /// The metadata get `"format": "pt"`, which transformers asks for, unless they say otherwise.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written, the disk is too full, or the tensors' names
    /// and shapes make a header that readers refuse.
    pub fn create(
        path: impl AsRef<Path>,
        tensors: Tensors,
        mut metadata: Metadata,
        max_shard: Option<ByteSize>,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        check_target(path)?;
        metadata
            .entry("format".to_owned())
            .or_insert_with(|| "pt".to_owned());
        let shards = split(&tensors, max_shard);
        let names: Vec<String> = (1..=shards.len())
            .map(|shard| shard_name(path, shard, shards.len()))
            .collect();
        let mut writer = Self::without_files(tensors);
        if let [whole] = &shards[..] {
            writer.add_file(path, whole, &metadata)?;
            return Ok(writer);
        }
        for (shard, name) in shards.iter().zip(&names) {
            writer.add_file(&path.with_file_name(name), shard, &metadata)?;
        }
        writer.index = Some(start_index(path, &writer.tensors, &shards, &names)?);
        Ok(writer)
    }

    fn without_files(tensors: Tensors) -> Self {
        let locations = tensors.iter().map(|_| Location::default()).collect();
        Self {
            tensors,
            locations,
            files: Vec::new(),
            index: None,
        }
    }

    /// Starts the file of some of the tensors.
    fn add_file(&mut self, path: &Path, shard: &[usize], metadata: &Metadata) -> Result<(), Error> {
        let infos: Vec<&TensorInfo> = shard.iter().map(|&tensor| &self.tensors[tensor]).collect();
        let Arrangement {
            head,
            starts,
            file_bytes,
        } = Arrangement::new(&infos, metadata);
        if head.len() > MAX_WRITTEN {
            let (bytes, limit) = (head.len(), MAX_WRITTEN);
            return Err(Error::HeaderTooLong {
                path: path.to_owned(),
                bytes,
                limit,
            });
        }
        let file = Partial::create(path, file_bytes)?;
        file.write_at(&head, 0)?;
        for (&tensor, start) in shard.iter().zip(starts) {
            self.locations[tensor] = Location {
                file: self.files.len(),
                start,
                ..Location::default()
            };
        }
        self.files.push(file);
        Ok(())
    }

    /// The names that the files will have.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().chain(&self.index).map(Partial::target)
    }

    /// See [`CheckpointWriter::tensors`].
    pub fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// See [`CheckpointWriter::write`].
    ///
    /// # Errors
    /// The range leaves the tensor or was written before, or the disk is full or fails.
    pub fn write(&self, tensor: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, bytes.len())?;
        let location = &self.locations[tensor];
        self.files[location.file].write_at(bytes, location.start + offset)?;
        let mut written = location
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        written
            .add(offset..offset + bytes.len() as u64)
            .map_err(|_| Error::WrittenTwice {
                tensor: Quoted::new(info.name()),
                offset,
                len: bytes.len(),
            })
    }

    /// Brings all files to the disk, gives them their final names, the index last, and returns
    /// those names.
    ///
    /// # Errors
    /// Bytes are missing, or the disk is full or fails; then an earlier file of the same name is
    /// still there.
    pub fn finish(self) -> Result<Vec<PathBuf>, Error> {
        self.check_complete()?;
        for file in self.files.iter().chain(&self.index) {
            file.sync()?;
        }
        if let Some(index) = &self.index {
            // Shards that are replaced one by one must never seem to be a whole model.
            index.retire()?;
        }
        let mut paths = Vec::new();
        for file in self.files.into_iter().chain(self.index) {
            paths.push(file.publish()?);
        }
        if let Some(path) = paths.first() {
            sync_folder(folder_of(path))?;
        }
        Ok(paths)
    }

    fn check_complete(&self) -> Result<(), Error> {
        for (tensor, location) in self.tensors.iter().zip(&self.locations) {
            let written = location
                .written
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bytes();
            if written != tensor.bytes() {
                let (tensor, size) = (Quoted::new(tensor.name()), tensor.bytes());
                return Err(Error::Incomplete {
                    tensor,
                    written,
                    size,
                });
            }
        }
        Ok(())
    }
}

impl CheckpointWriter for SafetensorsWriter {
    fn tensors(&self) -> &Tensors {
        self.tensors()
    }

    fn write(&self, tensor: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.write(tensor, offset, bytes)
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        (*self).finish()
    }
}

/// The tensors of each shard, by position; one shard if all fit, or without a limit.
fn split(tensors: &[TensorInfo], max_shard: Option<ByteSize>) -> Vec<Vec<usize>> {
    let limit = max_shard.map_or(u64::MAX, ByteSize::bytes);
    let mut shards = Vec::new();
    let mut current = Vec::new();
    let mut current_bytes = 0;
    for (position, tensor) in tensors.iter().enumerate() {
        let bytes = tensor.bytes();
        if bytes > limit {
            shards.push(vec![position]);
            continue;
        }
        if current_bytes + bytes > limit {
            shards.push(std::mem::take(&mut current));
            current_bytes = 0;
        }
        current.push(position);
        current_bytes += bytes;
    }
    if !current.is_empty() || shards.is_empty() {
        shards.push(current);
    }
    shards
}

const EXTENSION: &str = ".safetensors";

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(EXTENSION).unwrap_or(&name).to_owned()
}

/// The name of one shard of several, the first being 1.
fn shard_name(path: &Path, shard: usize, shards: usize) -> String {
    format!("{}-{shard:05}-of-{shards:05}{EXTENSION}", stem(path))
}

/// The index as transformers writes it.
#[derive(Serialize)]
struct IndexJson<'a> {
    metadata: IndexMetadata,
    weight_map: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct IndexMetadata {
    total_size: u64,
}

fn start_index(
    path: &Path,
    tensors: &Tensors,
    shards: &[Vec<usize>],
    names: &[String],
) -> Result<Partial, Error> {
    let weight_map = shards
        .iter()
        .zip(names)
        .flat_map(|(shard, name)| {
            shard
                .iter()
                .map(|&tensor| (tensors[tensor].name(), &name[..]))
        })
        .collect();
    let metadata = IndexMetadata {
        total_size: tensors.bytes(),
    };
    let mut json = serde_json::to_vec_pretty(&IndexJson {
        metadata,
        weight_map,
    })
    .expect("texts and integers are valid JSON");
    json.push(b'\n');
    let name = format!("{}{EXTENSION}.index.json", stem(path));
    let file = Partial::create(&path.with_file_name(name), json.len() as u64)?;
    file.write_at(&json, 0)?;
    Ok(file)
}
