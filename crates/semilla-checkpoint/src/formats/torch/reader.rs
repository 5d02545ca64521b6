//! Reading a zip archive or the older stream of pickles.
//!
//! Source: `torch/serialization.py`. An archive has the pickle of what was saved as `data.pkl`, and
//! each storage, by the key that the pickle calls it, in `data/`. A stream has five pickles (a
//! magic number, a version, the system, what was saved, the storages' keys) and the storages in the
//! order of those keys, each with its number of elements before it.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::arrays::Elements;
use super::contents::{Stop, Walk};
use super::cut::{Joined, cuts};
use super::exported::{LIST, STATE, weights};
use super::processes::{check_present, processes};
use super::storage::{Storage, Storages};
use super::view::View;
use crate::checkpoint::scan_read;
use crate::error::Error;
use crate::formats::torch::pickle::{Fault, Id, Node, Values};
use crate::io::archive::{Archive, Entry, os_refused};
use crate::io::budget::{check_budget, check_decoded};
use crate::io::decoded::Decoded;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::quoted::Quoted;
use crate::{Checkpoint, Format, Limits, Metadata, Remark, TensorInfo, Tensors};

/// Tensors in a file of `torch.save`.
///
/// No pickle is run. Tensors in dictionaries and lists below the root have the names of the way
/// there, joined by dots; a whole module has those of its `state_dict()`. The order is the
/// pickle's.
///
/// Tensors that are stored in the form to be given are read in place. The span of a strided tensor
/// is kept in memory while it is read; so is all of a compressed storage.
pub(crate) struct Torch {
    path: PathBuf,
    source: Source,
    /// Where each storage lies, if tensors use it.
    locations: Vec<Location>,
    tensors: Tensors,
    views: Vec<View>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    dictionaries: Vec<String>,
    decoded: Decoded,
    format: Format,
}

enum Source {
    Archive(Box<Archive>),
    Stream(File),
}

/// Where the bytes of a storage are.
#[derive(Debug, Clone, Copy, Default)]
enum Location {
    #[default]
    Nowhere,
    /// From here on in the file, within this entry of the archive.
    At { at: u64, entry: Option<usize> },
    /// All of a compressed entry of the archive.
    Packed(usize),
    /// The characters of a text from here on in the file, whose UTF-8 has so many bytes.
    Text { at: u64, bytes: u64, decoded: u64 },
}

impl Location {
    /// An entry of the archive that is a storage.
    fn of(archive: &Archive, entry: usize) -> Self {
        match archive.entries()[entry].at {
            Some(at) => Location::At {
                at,
                entry: Some(entry),
            },
            None => Location::Packed(entry),
        }
    }
}

/// Where a pickle lies.
#[derive(Clone, Copy)]
enum Pickle {
    /// In the file from here on, within this entry of the archive.
    At { at: u64, entry: Option<usize> },
    /// In a compressed entry of the archive.
    Packed,
}

impl Pickle {
    /// Where the elements of an array are.
    fn location(self, elements: &Elements) -> Location {
        let Pickle::At { at, entry } = self else {
            return Location::Nowhere;
        };
        // The pickle was read to its end, so that this is within the file.
        let at = at + elements.run.at;
        match elements.is_text {
            false => Location::At { at, entry },
            true => Location::Text {
                at,
                bytes: elements.run.bytes,
                decoded: elements.bytes(),
            },
        }
    }
}

/// The content of the pickles.
struct Contents {
    values: Values,
    /// Those of an archive's other pickles, whose storages are others of the same names.
    others: Values,
    storages: Storages,
    /// The root of what was saved.
    saved: Id,
    /// Where the pickle of it lies.
    pickle: Pickle,
}

/// What a file is expected to hold.
#[derive(Clone, Copy)]
enum Kind {
    /// Tensors with names.
    Named,
    /// One tensor.
    Single,
}

impl Torch {
    /// Opens an archive whose content is that of `torch.save`.
    pub(crate) fn open_archive(archive: Archive, limits: &Limits) -> Result<Self, Error> {
        Self::read_archive(archive, Kind::Named, limits)
    }

    /// Opens an archive that holds one tensor, which gets no name.
    pub(super) fn open_tensor(archive: Archive, limits: &Limits) -> Result<Self, Error> {
        Self::read_archive(archive, Kind::Single, limits)
    }

    /// Opens an archive of `torch.export`.
    pub(crate) fn open_exported(archive: Archive, limits: &Limits) -> Result<Self, Error> {
        let path = archive.path().to_owned();
        if let Some(state) = archive.named(STATE).next() {
            let at = state.at.ok_or_else(|| {
                failed(
                    &path,
                    format!("{STATE} is compressed; take it out of the archive"),
                )
            })?;
            let (file, _) = open_file(&path)?;
            let inner = Archive::open_in(&path, file, at..at + state.bytes, limits)?;
            return Self::open_archive(inner, limits);
        }
        let lists: Vec<_> = archive.named(LIST).collect();
        let [list] = lists[..] else {
            let count = lists.len();
            return Err(failed(&path, format!("it has {count} lists of weights")));
        };
        check_order(&archive, limits)?;
        let (weights, remarks) = weights(&archive, list, limits)?;
        let mut tensors = Vec::with_capacity(weights.len());
        let mut views = Vec::with_capacity(weights.len());
        let mut locations = Vec::with_capacity(weights.len());
        for (info, view, entry) in weights {
            tensors.push(info);
            views.push(view);
            locations.push(Location::of(&archive, entry));
        }
        let bytes = archive.bytes();
        let torch = Self {
            tensors: Tensors::new(tensors).map_err(Error::malformed(&path))?,
            path,
            source: Source::Archive(Box::new(archive)),
            locations,
            views,
            metadata: Metadata::new(),
            remarks,
            dictionaries: Vec::new(),
            decoded: Decoded::default(),
            format: Format::Torch,
        };
        torch.checked(bytes, limits)
    }

    fn read_archive(archive: Archive, kind: Kind, limits: &Limits) -> Result<Self, Error> {
        let path = archive.path().to_owned();
        let fail = |problem| failed(&path, problem);
        let roots: Vec<_> = archive.named("data.pkl").collect();
        let [root] = roots[..] else {
            return Err(fail(format!(
                "it has {} entries named data.pkl, and readers may differ in which they take",
                roots.len()
            )));
        };
        let folder = root.name.strip_suffix("data.pkl").unwrap_or_default();
        check_order(&archive, limits)?;
        let [mut values, mut others] = [(); 2].map(|()| Values::new(limits.header_bytes));
        let mut left = limits.header_bytes;
        let mut read = |entry, values: &mut Values| {
            let pickle = archive.read_all(entry, Format::Torch, left)?;
            left -= pickle.len() as u64;
            let mut pickle = Cursor::new(&pickle[..]);
            values.read(&mut pickle).map_err(not_followed(&path))
        };
        let saved = read(root, &mut values)?;
        let number = archive
            .entries()
            .iter()
            .position(|entry| entry.name == root.name);
        let pickle = root
            .at
            .map_or(Pickle::Packed, |at| Pickle::At { at, entry: number });
        // The others (constants of a program, inputs of its trace) are read for what they name.
        let is_pickle = |entry: &&Entry| entry.name.ends_with(".pkl") && entry.name != root.name;
        for entry in archive.entries().iter().filter(is_pickle) {
            read(entry, &mut others)?;
        }
        let storages = Storages::of(&values).map_err(fail)?;
        let entries = archive.entries().iter().enumerate();
        let numbers: HashMap<_, _> = entries
            .map(|(number, entry)| (&*entry.name, number))
            .collect();
        let location = |storage: &Storage| {
            let key = values.text(storage.key).unwrap_or_default();
            let number = numbers.get(&*format!("{folder}data/{key}")).copied();
            let entry = number.filter(|&number| archive.entries()[number].bytes >= storage.bytes());
            entry.map_or(Location::Nowhere, |entry| Location::of(&archive, entry))
        };
        let locations = storages.list.iter().map(location).collect();
        drop(numbers);
        let contents = Contents {
            values,
            others,
            storages,
            saved,
            pickle,
        };
        let bytes = archive.bytes();
        let source = Source::Archive(Box::new(archive));
        Self::new(path, bytes, source, (locations, &contents), kind, limits)
    }

    /// Opens a stream of pickles.
    pub(crate) fn open_stream(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut values = Values::new(limits.header_bytes);
        let (pickles, end) =
            read_pickles(&mut values, &file, limits).map_err(not_followed(path))?;
        let [_magic, version, system, saved, keys] = pickles;
        let fail = |problem| failed(path, problem);
        if values.integer(version) != Some(STREAM_VERSION) {
            return Err(fail("its version is not 1001".to_owned()));
        }
        let little = values.entry(system, "little_endian");
        if little.and_then(|little| values.integer(little)) != Some(1) {
            return Err(fail(BIG_ENDIAN.to_owned()));
        }
        let storages = Storages::of(&values).map_err(fail)?;
        let Node::List(keys) = values.get(keys) else {
            return Err(fail("it does not list its storages".to_owned()));
        };
        let mut locations = vec![Location::default(); storages.list.len()];
        let mut at = end;
        for &key in keys {
            let name = Quoted::new(values.text(key).unwrap_or_default());
            let number = storages.number(key);
            let Some(number) = number.filter(|&number| storages.list[number].size > 0) else {
                return Err(fail(format!("it has a storage {name} of unknown type")));
            };
            let storage = &storages.list[number];
            let mut elements = [0; 8];
            let start = at.saturating_add(elements.len() as u64);
            let end = start.saturating_add(storage.bytes());
            if end > bytes {
                return Err(fail(format!(
                    "the file ends before its storage {name} does; fetch it again"
                )));
            }
            read_at(&file, &mut elements, at).map_err(Error::io("read", path))?;
            if u64::from_le_bytes(elements) != storage.elements {
                return Err(fail(format!(
                    "its storage {name} has two lengths; fetch the file again"
                )));
            }
            locations[number] = Location::At {
                at: start,
                entry: None,
            };
            at = end;
        }
        let contents = Contents {
            values,
            others: Values::new(0),
            storages,
            saved,
            pickle: IN_A_FILE,
        };
        Self::new(
            path.to_owned(),
            bytes,
            Source::Stream(file),
            (locations, &contents),
            Kind::Named,
            limits,
        )
    }

    /// Opens a pickle of arrays of NumPy.
    pub(crate) fn open_pickle(path: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
        Self::read_pickle(path, limits).map_err(|error| match error {
            Error::Format { path, problem, .. } => Error::Format {
                path,
                format: Format::Numpy,
                problem,
            },
            other => other,
        })
    }

    fn read_pickle(path: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
        let fail = |problem| failed(path, problem);
        let (file, bytes) = open_file(path)?;
        let mut values = Values::new(limits.header_bytes);
        let saved = values.read(&mut BufReader::new(&file));
        let saved = saved.map_err(not_followed(path))?;
        let cuts = cuts(&values, saved).map_err(fail)?;
        let contents = Contents {
            storages: Storages::of(&values).map_err(fail)?,
            values,
            others: Values::new(0),
            saved,
            pickle: IN_A_FILE,
        };
        let mut pickle = Self::new(
            path.to_owned(),
            bytes,
            Source::Stream(file),
            (Vec::new(), &contents),
            Kind::Named,
            limits,
        )?;
        pickle.format = Format::Numpy;
        match (pickle.tensors.is_empty(), cuts.is_empty()) {
            (true, _) => Err(fail("the pickle holds no arrays of NumPy".to_owned())),
            (_, true) => Ok(Box::new(pickle)),
            (_, false) => Ok(Box::new(Joined::of(pickle, &cuts, path)?)),
        }
    }

    fn new(
        path: PathBuf,
        bytes: u64,
        source: Source,
        (mut locations, contents): (Vec<Location>, &Contents),
        kind: Kind,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let Contents {
            values,
            others,
            storages,
            saved,
            pickle,
        } = contents;
        let found = match kind {
            Kind::Named => Walk::find(values, storages, *saved, limits),
            Kind::Single => Walk::find_one(values, storages, *saved, limits),
        };
        let found = found.map_err(|stop| match stop {
            Stop::Problem(problem) => failed(&path, problem),
            Stop::Invalid(invalid) => Error::malformed(&path)(invalid.into()),
        })?;
        let arrays = found.arrays.iter();
        locations.extend(arrays.map(|elements| pickle.location(elements)));
        let (tensors, views): (Vec<_>, Vec<_>) = found.tensors.into_iter().unzip();
        let tensors = Tensors::new(tensors).map_err(Error::malformed(&path))?;
        check_present(values, *saved, &tensors, &path)?;
        let remark = |(module, name): (&str, &str)| Remark::PickleGlobal {
            module: Quoted::new(module),
            name: Quoted::new(name),
        };
        let strangers = values.strangers().into_iter().chain(others.strangers());
        let strangers: BTreeSet<_> = strangers.collect();
        let strangers = strangers.into_iter().map(remark);
        let torch = Self {
            path,
            source,
            locations,
            tensors,
            views,
            metadata: processes(values, *saved),
            remarks: strangers.chain(found.remarks).collect(),
            dictionaries: found.dictionaries,
            decoded: Decoded::default(),
            format: Format::Torch,
        };
        torch.checked(bytes, limits)
    }

    fn checked(self, bytes: u64, limits: &Limits) -> Result<Self, Error> {
        match self.check(bytes, limits) {
            Ok(()) => Ok(self),
            Err(problem) => Err(failed(&self.path, problem)),
        }
    }

    /// Checks what reading all tensors takes.
    fn check(&self, file_bytes: u64, limits: &Limits) -> Result<(), String> {
        check_budget(&self.tensors, file_bytes, limits)?;
        let mut decoded = 0u128;
        let mut unpacked = None;
        for (info, view) in self.tensors.iter().zip(&self.views) {
            let held = self.held(info, view)?;
            if held == 0 {
                continue;
            }
            check_decoded(info, limits)?;
            if held > limits.decoded_bytes {
                return Err(format!(
                    "tensor {}: {held} bytes must be in memory to read it, \
                     more than the limit of {}",
                    Quoted::new(info.name()),
                    limits.decoded_bytes
                ));
            }
            // A storage that is unpacked serves the tensors that follow, too.
            let packed = matches!(self.locations[view.storage], Location::Packed(_));
            if !packed || unpacked != Some(view.storage) {
                decoded += u128::from(held);
            }
            unpacked = packed.then_some(view.storage);
        }
        match decoded > u128::from(file_bytes) * u128::from(limits.expansion) {
            true => Err(format!(
                "its strided or packed tensors lie in {decoded} bytes, more than {} times the file",
                limits.expansion
            )),
            false => Ok(()),
        }
    }

    /// The bytes that are in memory while a tensor is read.
    fn held(&self, info: &TensorInfo, view: &View) -> Result<u64, String> {
        match self.locations[view.storage] {
            _ if view.span == 0 => Ok(0),
            Location::At { .. } if view.is_plain() => Ok(0),
            Location::At { .. } => Ok(view.span),
            Location::Text { decoded, .. } => Ok(decoded),
            location => self
                .entry(location)
                .map(|(_, entry)| entry.bytes)
                .ok_or_else(|| {
                    let name = Quoted::new(info.name());
                    format!(
                        "tensor {name}: its values are not in the file, or not all; fetch it again"
                    )
                }),
        }
    }

    fn entry(&self, location: Location) -> Option<(&Archive, &Entry)> {
        let number = match location {
            Location::At { entry, .. } => entry?,
            Location::Packed(entry) => entry,
            Location::Nowhere | Location::Text { .. } => return None,
        };
        match &self.source {
            Source::Archive(archive) => Some((archive, &archive.entries()[number])),
            Source::Stream(_) => None,
        }
    }

    fn handle(&self) -> &File {
        match &self.source {
            Source::Archive(archive) => archive.file(),
            Source::Stream(file) => file,
        }
    }

    /// The characters of a text in the file, a byte each.
    fn characters(&self, at: u64, bytes: u64, count: u64) -> Result<Vec<u8>, Error> {
        let mut text = vec![0; bytes as usize];
        self.read_at(&mut text, at)?;
        let text = str::from_utf8(&text).ok();
        let characters = text.and_then(|text| {
            let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
            bytes.collect::<Option<Vec<u8>>>()
        });
        match characters {
            Some(bytes) if bytes.len() as u64 == count => Ok(bytes),
            _ => Err(failed(
                &self.path,
                "the elements of an array are no text of Latin-1".to_owned(),
            )),
        }
    }

    /// That a tensor has no values: `check` refuses such files.
    fn absent(&self) -> Error {
        failed(&self.path, "values are not in the file".to_owned())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> Result<(), Error> {
        read_at(self.handle(), into, at).map_err(Error::io("read", &self.path))
    }
}

impl Checkpoint for Torch {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        self.format
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn dictionaries(&self) -> &[String] {
        &self.dictionaries
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.tensors.get(tensor).map(|_| &*self.path)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        if into.is_empty() {
            return Ok(());
        }
        let view = &self.views[tensor];
        let location = self.locations[view.storage];
        let entry = self.entry(location);
        // What several tensors share is kept once.
        let shared = self.tensors.len() + view.storage;
        match location {
            Location::At { at, .. } => {
                if let Some((archive, entry)) = entry {
                    archive.check(entry, Format::Torch)?;
                }
                let first = at + view.start;
                if view.is_plain() {
                    return self.read_at(into, first + offset);
                }
                let span = self.decoded.get(tensor, || {
                    let mut span = vec![0; view.span as usize];
                    self.read_at(&mut span, first)?;
                    Ok(span)
                })?;
                view.gather(&span, offset, into);
            }
            Location::Packed(_) => {
                let unpack = || match entry {
                    Some((archive, entry)) => archive.read_all(entry, Format::Torch, entry.bytes),
                    None => Err(self.absent()),
                };
                let storage = self.decoded.get(shared, unpack)?;
                view.gather(&storage[view.start as usize..], offset, into);
            }
            Location::Text { at, bytes, decoded } => {
                let decode = || self.characters(at, bytes, decoded);
                let storage = self.decoded.get(shared, decode)?;
                view.gather(&storage[view.start as usize..], offset, into);
            }
            Location::Nowhere => return Err(self.absent()),
        }
        Ok(())
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, 0, 0)?;
        let view = &self.views[tensor];
        let location = self.locations[view.storage];
        match (location, self.entry(location)) {
            // Nothing is compared of a tensor without elements, as nothing is read.
            _ if info.bytes() == 0 => Ok(()),
            (Location::At { at, .. }, Some((archive, entry)))
                if view.is_plain() && view.start == 0 && entry.bytes == info.bytes() =>
            {
                archive.scan(entry, at, Format::Torch, look)
            }
            _ => scan_read(self, tensor, look),
        }
    }
}

/// Checks that what an archive says of its numbers is that they are little-endian.
fn check_order(archive: &Archive, limits: &Limits) -> Result<(), Error> {
    for entry in archive.named("byteorder") {
        if archive.read_all(entry, Format::Torch, limits.header_bytes)? != b"little" {
            return Err(failed(archive.path(), BIG_ENDIAN.to_owned()));
        }
    }
    Ok(())
}

/// A pickle that a file begins with.
const IN_A_FILE: Pickle = Pickle::At { at: 0, entry: None };

/// The second pickle of a stream.
const STREAM_VERSION: i64 = 1001;

const BIG_ENDIAN: &str =
    "it was saved on a big-endian machine; load it with PyTorch and save it as safetensors";

/// The roots of the pickles of a stream, and where the last of them ends.
fn read_pickles(
    values: &mut Values,
    file: &File,
    limits: &Limits,
) -> Result<([Id; 5], u64), Fault> {
    let mut pickles = BufReader::new(file.take(limits.header_bytes));
    let mut roots = [Values::OTHER; 5];
    for root in &mut roots {
        *root = values.read(&mut pickles)?;
    }
    let taken = limits.header_bytes - pickles.get_ref().limit();
    Ok((roots, taken - pickles.buffer().len() as u64))
}

pub(super) fn failed(path: &Path, problem: String) -> Error {
    Error::Format {
        path: path.to_owned(),
        format: Format::Torch,
        problem,
    }
}

fn not_followed(path: &Path) -> impl FnOnce(Fault) -> Error {
    move |fault| match fault {
        Fault::Read(cause) if os_refused(&cause) => Error::io("read", path)(cause),
        Fault::Read(_) => failed(
            path,
            "a pickle ends too early or is beyond the limit; fetch the file again".to_owned(),
        ),
        other => failed(path, other.to_string()),
    }
}
