//! Where the bytes under a key are: in a file of that name, or in the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::tree::{self, MANIFEST, Place, Value, Values, below};
use super::zarr::METADATA;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::{Error, Format, Limits};

/// Keys and values.
pub(super) struct Store {
    folder: PathBuf,
    kind: Kind,
    /// Of all values together.
    pub(super) bytes: u64,
}

enum Kind {
    /// Keys are the paths of files.
    Folders,
    Tree(Values),
}

/// Why a value cannot be had.
pub(super) enum Fault {
    Problem(String),
    Error(Error),
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Fault::Problem(problem)
    }
}

impl Fault {
    pub(super) fn of(self, path: &Path) -> Error {
        match self {
            Fault::Error(error) => error,
            Fault::Problem(problem) => failed(path, problem),
        }
    }
}

/// That a file is not what it should be.
pub(super) fn failed(path: &Path, problem: String) -> Error {
    Error::Format {
        path: path.to_owned(),
        format: Format::Orbax,
        problem,
    }
}

impl Store {
    /// Opens the values of a folder.
    pub(super) fn open(folder: &Path, limits: &Limits) -> Result<Self, Error> {
        let manifest = folder.join(MANIFEST);
        if !manifest.exists() {
            return Ok(Self {
                folder: folder.to_owned(),
                kind: Kind::Folders,
                bytes: size(folder, 0)?,
            });
        }
        let content = small(&manifest, limits)?;
        let read = |place: &Place| read(folder, place, limits.header_bytes).map_err(Fault::Error);
        let values = tree::values(&content, limits, &read);
        let values = values.map_err(|fault| fault.of(&manifest))?;
        let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
        let mut bytes = 0u64;
        for value in values.values() {
            let place = match value {
                Value::Here(own) => {
                    bytes = bytes.saturating_add(own.len() as u64);
                    continue;
                }
                Value::In(place) => place,
            };
            let length = match lengths.get(&*place.file) {
                Some(length) => *length,
                None => {
                    let length = open_file(&below(folder, &place.file))?.1;
                    lengths.insert(&place.file, length);
                    length
                }
            };
            let end = place.at.checked_add(place.bytes);
            if end.is_none_or(|end| end > length) {
                let problem = "it ends before its values do; fetch it again";
                return Err(failed(&below(folder, &place.file), problem.to_owned()));
            }
            bytes = bytes.saturating_add(place.bytes);
        }
        Ok(Self {
            folder: folder.to_owned(),
            bytes,
            kind: Kind::Tree(values),
        })
    }

    /// The folders of all arrays, each with its metadata's place in [`METADATA`].
    pub(super) fn arrays(&self) -> Result<BTreeSet<(String, usize)>, Error> {
        let mut arrays = BTreeSet::new();
        match &self.kind {
            Kind::Tree(values) => {
                for key in values.keys() {
                    let folder = METADATA.iter().enumerate().find_map(|(version, name)| {
                        let folder = key.strip_suffix(name)?.strip_suffix('/')?;
                        Some((folder.to_owned(), version))
                    });
                    arrays.extend(folder);
                }
            }
            Kind::Folders => {
                let listed = fs::read_dir(&self.folder).map_err(Error::io("list", &self.folder))?;
                for entry in listed {
                    let entry = entry.map_err(Error::io("list", &self.folder))?;
                    let Ok(name) = entry.file_name().into_string() else {
                        continue;
                    };
                    let is_there = |file: &&str| entry.path().join(file).is_file();
                    let version = METADATA.iter().position(is_there);
                    arrays.extend(version.map(|version| (name, version)));
                }
            }
        }
        Ok(arrays)
    }

    /// The file that has the value of a key, or the one that lists it.
    pub(super) fn file(&self, key: &str) -> PathBuf {
        match &self.kind {
            Kind::Folders => below(&self.folder, key),
            Kind::Tree(values) => match values.get(key) {
                Some(Value::In(place)) => below(&self.folder, &place.file),
                _ => self.folder.join(MANIFEST),
            },
        }
    }

    /// The value of a key, if it has one of at most so many bytes.
    pub(super) fn get(&self, key: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        match &self.kind {
            Kind::Tree(values) => match values.get(key) {
                None => Ok(None),
                Some(Value::Here(bytes)) => Ok(Some(bytes.clone())),
                Some(Value::In(place)) => read(&self.folder, place, most).map(Some),
            },
            Kind::Folders => {
                let path = below(&self.folder, key);
                if !path.is_file() {
                    return Ok(None);
                }
                let (file, bytes) = open_file(&path)?;
                content(&path, &file, 0, bytes, most).map(Some)
            }
        }
    }
}

/// A small file whole.
pub(super) fn small(path: &Path, limits: &Limits) -> Result<Vec<u8>, Error> {
    let (file, bytes) = open_file(path)?;
    content(path, &file, 0, bytes, limits.header_bytes)
}

fn read(folder: &Path, place: &Place, most: u64) -> Result<Vec<u8>, Error> {
    let path = below(folder, &place.file);
    let (file, bytes) = open_file(&path)?;
    let end = place
        .at
        .checked_add(place.bytes)
        .filter(|&end| end <= bytes);
    match end {
        Some(_) => content(&path, &file, place.at, place.bytes, most),
        None => Err(failed(
            &path,
            "it ends too early; fetch it again".to_owned(),
        )),
    }
}

fn content(path: &Path, file: &File, at: u64, bytes: u64, most: u64) -> Result<Vec<u8>, Error> {
    if bytes > most {
        return Err(failed(
            path,
            format!("it has {bytes} bytes, more than the limit of {most}"),
        ));
    }
    let mut content = vec![0; bytes as usize];
    read_at(file, &mut content, at).map_err(Error::io("read", path))?;
    Ok(content)
}

/// The bytes of all files in a folder and those in it.
fn size(folder: &Path, depth: usize) -> Result<u64, Error> {
    /// Numbers of chunks are folders, one for each axis.
    const DEEPEST: usize = 66;
    let mut bytes = 0u64;
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let kind = entry.metadata().map_err(Error::io("open", &entry.path()))?;
        let more = match kind.is_dir() {
            true if depth < DEEPEST => size(&entry.path(), depth + 1)?,
            true => 0,
            false => kind.len(),
        };
        bytes = bytes.saturating_add(more);
    }
    Ok(bytes)
}
