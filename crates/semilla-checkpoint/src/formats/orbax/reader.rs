//! Opening a checkpoint of Orbax, and decoding an array when it is asked for.

use std::path::{Path, PathBuf};

use super::names::{LIST, Names};
use super::store::{Fault, Store, failed, small};
use super::zarr::{Array, METADATA};
use crate::io::budget::{check_budget, check_decoded};
use crate::io::decoded::Decoded;
use crate::io::range::check_range;
use crate::{Checkpoint, Error, Format, Limits, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// The arrays of a checkpoint of Orbax.
pub(crate) struct Orbax {
    folder: PathBuf,
    store: Store,
    tensors: Tensors,
    arrays: Vec<Held>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    decoded: Decoded,
    limits: Limits,
}

/// An array, and where it is.
struct Held {
    array: Array,
    /// What its keys begin with.
    folder: String,
    file: PathBuf,
}

impl Orbax {
    /// Opens the folder of a manifest, of a list of leaves or of an array's folder with its metadata,
    /// one of which `path` is.
    ///
    /// # Errors
    /// Files are missing or damaged, or beyond the limits.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let is_metadata = METADATA.iter().any(|name| path.ends_with(name));
        let folder = path.ancestors().nth(if is_metadata { 2 } else { 1 });
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let list = folder.join(LIST);
        let names = match list.is_file() {
            false => Names::default(),
            true => Names::parse(&small(&list, limits)?)
                .map_err(|error| failed(&list, Quoted::new(&error.to_string()).to_string()))?,
        };
        let store = Store::open(folder, limits)?;
        let mut found = (Vec::new(), Vec::new());
        let mut remarks = Vec::new();
        let mut absent = names.of_folders.clone();
        for (of_array, version) in store.arrays()? {
            absent.remove(&of_array);
            let name = names.of_folders.get(&of_array);
            let name = name.cloned().unwrap_or_else(|| of_array.replace('.', "/"));
            let key = format!("{of_array}/{}", METADATA[version]);
            let json = store.get(&key, limits.header_bytes)?.unwrap_or_default();
            let array = Array::parse(&json, version).and_then(|array| {
                array.check_chunks(limits)?;
                Ok(array)
            });
            let mut array = match array {
                Ok(array) => array,
                Err(problem) => {
                    remarks.push(Remark::Unreadable { name, problem });
                    continue;
                }
            };
            array.is_zero_elsewhere &= !names.are_zeros_stored;
            let info = TensorInfo::new(name, array.dtype, array.shape.clone());
            let info = info.map_err(|invalid| Error::malformed(path)(invalid.into()))?;
            check_decoded(&info, limits).map_err(|problem| failed(path, problem))?;
            found.0.push(info);
            found.1.push(Held {
                array,
                file: store.file(&key),
                folder: of_array,
            });
        }
        remarks.extend(absent.into_values().map(|name| Remark::Unreadable {
            name,
            problem: "its array is not in the folder".to_owned(),
        }));
        let (tensors, arrays) = found;
        let tensors = Tensors::new(tensors).map_err(Error::malformed(path))?;
        check_budget(&tensors, store.bytes, limits).map_err(|problem| failed(path, problem))?;
        if tensors.is_empty() && remarks.is_empty() {
            return Err(failed(path, "it holds no arrays".to_owned()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            store,
            tensors,
            arrays,
            metadata: Metadata::new(),
            remarks,
            decoded: Decoded::default(),
            limits: limits.clone(),
        })
    }

    fn decode(&self, tensor: usize) -> Result<Vec<u8>, Error> {
        let Held { array, folder, .. } = &self.arrays[tensor];
        let value = |key: &str| {
            let key = format!("{folder}/{key}");
            self.store
                .get(&key, self.limits.decoded_bytes)
                .map_err(Fault::Error)
        };
        let decoded = array.decode(&self.tensors[tensor], value);
        decoded.map_err(|fault| fault.of(&self.folder.join(folder)))
    }
}

impl Checkpoint for Orbax {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Orbax
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.arrays.get(tensor).map(|held| &*held.file)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        self.decoded
            .read(tensor, offset, into, || self.decode(tensor))
    }
}
