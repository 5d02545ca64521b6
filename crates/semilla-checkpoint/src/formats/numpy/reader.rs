//! Reading one array, or an archive of arrays.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::formats::numpy::npy::{self, Array, Refusal};
use crate::io::archive::{Archive, ended};
use crate::io::budget::{check_budget, check_decoded};
use crate::io::decoded::Decoded;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::quoted::Quoted;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, TensorInfo, Tensors};

/// Arrays of NumPy: one `.npy`, named as the file is, or those of an `.npz`, in its order.
///
/// Arrays that are stored in the form to be given are read in place, others are decoded whole.
pub(crate) struct Numpy {
    path: PathBuf,
    source: Source,
    tensors: Tensors,
    arrays: Vec<Array>,
    /// For each tensor of an archive, its entry.
    entries: Vec<usize>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    decoded: Decoded,
}

enum Source {
    /// The file is the array.
    File(File),
    /// Each entry is an array, in the same order.
    Archive(Box<Archive>),
}

impl Numpy {
    /// Opens an `.npy`.
    pub(crate) fn open_array(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let array = npy::read_header(&mut BufReader::new(&file))
            .map_err(Error::io("read", path))?
            .map_err(|refusal| failed(path, refusal.into_problem()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let found = vec![(describe(path, &name, &array, bytes)?, array, 0)];
        let source = Source::File(file);
        Self::new(path.to_owned(), bytes, source, found, Vec::new(), limits)
    }

    /// Opens an archive whose entries are all `.npy`.
    pub(crate) fn open_archive(archive: Archive, limits: &Limits) -> Result<Self, Error> {
        let path = archive.path().to_owned();
        let mut found = Vec::new();
        let mut remarks = Vec::new();
        for (number, entry) in archive.entries().iter().enumerate() {
            let name = entry.name.strip_suffix(".npy").unwrap_or(&entry.name);
            match archive.read(entry, Format::Numpy, |unpacked| npy::read_header(unpacked))? {
                Ok(array) => {
                    found.push((describe(&path, name, &array, entry.bytes)?, array, number));
                }
                Err(Refusal::Foreign(problem)) => remarks.push(Remark::Unreadable {
                    name: name.to_owned(),
                    problem,
                }),
                Err(Refusal::Damaged(problem)) => return Err(of_tensor(&path, name, problem)),
            }
        }
        if let (true, Some(Remark::Unreadable { name, problem })) =
            (found.is_empty(), remarks.first())
        {
            return Err(of_tensor(&path, name, problem.clone()));
        }
        let bytes = archive.bytes();
        Self::new(
            path,
            bytes,
            Source::Archive(Box::new(archive)),
            found,
            remarks,
            limits,
        )
    }

    fn new(
        path: PathBuf,
        bytes: u64,
        source: Source,
        found: Vec<(TensorInfo, Array, usize)>,
        remarks: Vec<Remark>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let (mut tensors, mut arrays, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for (tensor, array, entry) in found {
            tensors.push(tensor);
            arrays.push(array);
            entries.push(entry);
        }
        let tensors = Tensors::new(tensors).map_err(Error::malformed(&path))?;
        let numpy = Self {
            path,
            source,
            tensors,
            arrays,
            entries,
            metadata: Metadata::new(),
            remarks,
            decoded: Decoded::default(),
        };
        check_budget(&numpy.tensors, bytes, limits)
            .and_then(|()| {
                let decoded = |tensor: &usize| numpy.in_place(*tensor).is_none();
                (0..numpy.tensors.len())
                    .filter(decoded)
                    .try_for_each(|tensor| check_decoded(&numpy.tensors[tensor], limits))
            })
            .map_err(|problem| failed(&numpy.path, problem))?;
        Ok(numpy)
    }

    /// The place of a tensor's bytes in the file, if they are stored in the form to be given.
    fn in_place(&self, tensor: usize) -> Option<(&File, u64)> {
        let array = &self.arrays[tensor];
        let (file, at) = match &self.source {
            Source::File(file) => (file, 0),
            Source::Archive(archive) => {
                (archive.file(), archive.entries()[self.entries[tensor]].at?)
            }
        };
        array
            .is_plain()
            .then_some((file, at.checked_add(array.start)?))
    }

    fn decode(&self, tensor: usize) -> Result<Vec<u8>, Error> {
        let array = &self.arrays[tensor];
        let mut bytes = vec![0; self.tensors[tensor].bytes() as usize];
        match &self.source {
            Source::File(file) => {
                read_at(file, &mut bytes, array.start).map_err(Error::io("read", &self.path))?;
            }
            Source::Archive(archive) => {
                let entry = &archive.entries()[self.entries[tensor]];
                archive.read(entry, Format::Numpy, |unpacked| {
                    io::copy(&mut unpacked.take(array.start), &mut io::sink())?;
                    unpacked.read_exact(&mut bytes)?;
                    ended(unpacked)
                })?;
            }
        }
        Ok(array.arrange(bytes))
    }
}

/// The tensor that an array of `bytes` bytes, its header among them, describes.
fn describe(path: &Path, name: &str, array: &Array, bytes: u64) -> Result<TensorInfo, Error> {
    let tensor = TensorInfo::new(name, array.dtype, &*array.shape)
        .map_err(|invalid| Error::malformed(path)(invalid.into()))?;
    let data = bytes.saturating_sub(array.start);
    if tensor.bytes() != data {
        let needed = tensor.bytes();
        let problem = format!(
            "dtype and shape need {needed} bytes and there are {data}; fetch the file again"
        );
        return Err(of_tensor(path, name, problem));
    }
    Ok(tensor)
}

fn of_tensor(path: &Path, name: &str, problem: String) -> Error {
    failed(path, format!("tensor {}: {problem}", Quoted::new(name)))
}

fn failed(path: &Path, problem: String) -> Error {
    Error::Format {
        path: path.to_owned(),
        format: Format::Numpy,
        problem,
    }
}

impl Checkpoint for Numpy {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Numpy
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.tensors.get(tensor).map(|_| &*self.path)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        match self.in_place(tensor) {
            Some((file, start)) => {
                if let Source::Archive(archive) = &self.source {
                    archive.check(&archive.entries()[self.entries[tensor]], Format::Numpy)?;
                }
                read_at(file, into, start + offset).map_err(Error::io("read", &self.path))
            }
            None => self
                .decoded
                .read(tensor, offset, into, || self.decode(tensor)),
        }
    }
}
