use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Malformed, Quoted};
use crate::formats::safetensors::header::Header;
use crate::formats::safetensors::index::{Index, Placement};
use crate::io::position::read_at;
use crate::{Checkpoint, Format, Limits, Metadata, TensorInfo, Tensors};

/// Tensors in safetensors files: one file, or the shards of an index.
///
/// Values are read with positioned reads, not mapped: a file that shrinks while it is open gives
/// an error and not a signal.
#[derive(Debug)]
pub struct Safetensors {
    files: Vec<(PathBuf, File)>,
    tensors: Tensors,
    places: Vec<Place>,
    metadata: Metadata,
}

/// Where the data of a tensor are.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    /// In bytes from the file's start.
    start: u64,
}

impl Safetensors {
    /// Opens one file. The tensors come in the order of their data.
    ///
    /// # Errors
    /// The file cannot be read, or its header is wrong or beyond the limits.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, header) = read_header(path, limits)?;
        Ok(Self {
            files: vec![(path.to_owned(), file)],
            tensors: header.tensors,
            places: header
                .starts
                .into_iter()
                .map(|start| Place { file: 0, start })
                .collect(),
            metadata: header.metadata,
        })
    }

    /// Opens the shards of an index that lies at `path`, in their folder. The tensors come by the
    /// shard's name, and in the order of their data.
    ///
    /// # Errors
    /// As [`Safetensors::open`]; and the index and the shards do not list the same tensors.
    pub fn open_shards(path: &Path, index: &Index, limits: &Limits) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = Vec::new();
        let mut tensors = Vec::new();
        let mut places = Vec::new();
        let mut metadata = None;
        for lines in index.shards() {
            let shard_path = folder.join(&lines[0].shard);
            let (file, header) = read_header(&shard_path, limits)?;
            let names = header.tensors.iter().map(TensorInfo::name);
            check_shard(lines, names).map_err(Error::malformed(path))?;
            places.extend(header.starts.iter().map(|&start| Place {
                file: files.len(),
                start,
            }));
            tensors.extend_from_slice(&header.tensors);
            metadata = Some(common(metadata, header.metadata));
            files.push((shard_path, file));
        }
        let tensors = Tensors::new(tensors).map_err(Error::malformed(path))?;
        Ok(Self {
            files,
            tensors,
            places,
            metadata: metadata.unwrap_or_default(),
        })
    }
}

fn read_header(path: &Path, limits: &Limits) -> Result<(File, Header), Error> {
    let (file, bytes) = open_file(path)?;
    let header = Header::read(&file, bytes, limits)
        .map_err(Error::io("read", path))?
        .map_err(Error::malformed(path))?;
    Ok((file, header))
}

/// Opens a regular file (a pipe would block) and tells its length.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64), Error> {
    if !fs::metadata(path)
        .map_err(Error::io("open", path))?
        .is_file()
    {
        return Err(Error::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    let bytes = file.metadata().map_err(Error::io("open", path))?.len();
    Ok((file, bytes))
}

/// Checks that a shard holds exactly what the index places there: names of tensors, or of Keras's groups.
pub(crate) fn check_shard<'a>(
    lines: &[Placement],
    found: impl Iterator<Item = &'a str>,
) -> Result<(), Malformed> {
    let found: BTreeSet<&str> = found.collect();
    let shard = Quoted::new(&lines[0].shard);
    if let Some(absent) = lines.iter().find(|line| !found.contains(&*line.tensor)) {
        return Err(Malformed::NotInShard {
            name: Quoted::new(&absent.tensor),
            shard,
        });
    }
    let placed = |name: &str| {
        lines
            .binary_search_by_key(&name, |line| &line.tensor)
            .is_ok()
    };
    if let Some(surplus) = found.into_iter().find(|name| !placed(name)) {
        return Err(Malformed::NotInIndex {
            name: Quoted::new(surplus),
            shard,
        });
    }
    Ok(())
}

/// The entries on which both agree.
pub(crate) fn common(seen: Option<Metadata>, other: Metadata) -> Metadata {
    let Some(mut seen) = seen else { return other };
    seen.retain(|key, value| other.get(key) == Some(value));
    seen
}

impl Checkpoint for Safetensors {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Safetensors
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let place = self.places.get(tensor)?;
        Some(&self.files[place.file].0)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let place = self.places[tensor];
        let (path, file) = &self.files[place.file];
        read_at(file, into, place.start + offset).map_err(Error::io("read", path))
    }
}

/// The tensor, if it exists and has `len` bytes at `offset`.
pub(crate) fn check_range(
    tensors: &Tensors,
    tensor: usize,
    offset: u64,
    len: usize,
) -> Result<&TensorInfo, Error> {
    let info = tensors.get(tensor).ok_or(Error::NoSuchTensor {
        tensor,
        count: tensors.len(),
    })?;
    let size = info.bytes();
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(info),
        _ => Err(Error::OutOfRange {
            tensor: Quoted::new(info.name()),
            offset,
            len,
            size,
        }),
    }
}
