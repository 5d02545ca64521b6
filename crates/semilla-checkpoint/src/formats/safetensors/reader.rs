//! Reading one file, or the shards of an index.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::formats::safetensors::header::Header;
use crate::io::file::open_file;
use crate::io::index::{Index, check_shard, common};
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, TensorInfo, Tensors};

/// Tensors in safetensors files: one file, or the shards of an index.
///
/// Values are read with positioned reads, not mapped: a file that shrinks while it is open gives
/// an error and not a signal.
#[derive(Debug)]
pub struct Safetensors {
    files: Vec<(PathBuf, File)>,
    tensors: Tensors,
    locations: Vec<Location>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

/// Where the data of a tensor are.
#[derive(Debug, Clone, Copy)]
struct Location {
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
            locations: header
                .starts
                .into_iter()
                .map(|start| Location { file: 0, start })
                .collect(),
            metadata: header.metadata,
            remarks: header.remarks,
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
        let mut locations = Vec::new();
        let mut metadata = None;
        let mut remarks = Vec::new();
        for lines in index.shards() {
            let shard_path = folder.join(&lines[0].shard);
            let (file, header) = read_header(&shard_path, limits)?;
            let unread = header.remarks.iter().filter_map(Remark::unreadable);
            let names = header.tensors.iter().map(TensorInfo::name).chain(unread);
            check_shard(lines, names).map_err(Error::malformed(path))?;
            locations.extend(header.starts.iter().map(|&start| Location {
                file: files.len(),
                start,
            }));
            tensors.extend_from_slice(&header.tensors);
            remarks.extend(header.remarks);
            metadata = Some(common(metadata, header.metadata));
            files.push((shard_path, file));
        }
        let tensors = Tensors::new(tensors).map_err(Error::malformed(path))?;
        Ok(Self {
            files,
            tensors,
            locations,
            metadata: metadata.unwrap_or_default(),
            remarks,
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

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let location = self.locations.get(tensor)?;
        Some(&self.files[location.file].0)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let location = self.locations[tensor];
        let (path, file) = &self.files[location.file];
        read_at(file, into, location.start + offset).map_err(Error::io("read", path))
    }
}
