use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use pytorch_reader::{PickleValue, PytorchError, PytorchReader};
use semilla::DType;

use crate::archive::{Archive, os_refused};
use crate::budget::{check_budget, check_decoded};
use crate::decoded::Decoded;
use crate::error::{Error, Quoted, printable};
use crate::pickle::{Fault, Scan};
use crate::reader::{check_range, open_file};
use crate::{Checkpoint, Format, Limits, Metadata, Remark, TensorInfo, Tensors};

/// Tensors in a file of `torch.save`: a zip archive, or the older stream of pickles.
///
/// No pickle is run. Tensors in dictionaries and lists below the root have the names of the way
/// there, joined by dots; a whole module has those of its `state_dict()`. The order is that in
/// which the pickle first names them.
pub(crate) struct Torch {
    path: PathBuf,
    tensors: Tensors,
    values: Vec<Values>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    decoded: Decoded,
}

/// Reads all bytes of a tensor.
type Values = Box<dyn Fn() -> io::Result<Vec<u8>> + Send + Sync>;

impl Torch {
    /// Opens an archive whose content is that of `torch.save`.
    pub(crate) fn open_archive(archive: &Archive, limits: &Limits) -> Result<Self, Error> {
        let path = archive.path();
        let roots = archive.named("data.pkl").count();
        if roots != 1 {
            return Err(failed(
                path,
                format!(
                    "it has {roots} entries named data.pkl, and readers may differ in which they take"
                ),
            ));
        }
        let mut scan = Scan::default();
        for entry in archive
            .entries()
            .iter()
            .filter(|entry| entry.name.ends_with(".pkl"))
        {
            let pickle = archive.read_all(entry, Format::Torch, limits.header_bytes)?;
            scan.pickle(&mut &pickle[..]).map_err(not_followed(path))?;
        }
        Self::open_scanned(path, archive.bytes(), &scan, limits)
    }

    /// Opens a stream of pickles: a magic number, a version, the system, the root, and the list
    /// of the storages that follow.
    pub(crate) fn open_stream(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut scan = Scan::default();
        scan_stream(&mut scan, file, limits).map_err(not_followed(path))?;
        Self::open_scanned(path, bytes, &scan, limits)
    }

    fn open_scanned(path: &Path, bytes: u64, scan: &Scan, limits: &Limits) -> Result<Self, Error> {
        let refused = |error| refused(path, scan, error);
        // Names are judged before they are made: a long key may stand before many.
        let root = PytorchReader::read_pickle_data(path, None).map_err(refused)?;
        let names = Names::of(&root, scan, limits).map_err(|problem| failed(path, problem))?;
        drop(root);
        let mut found = PytorchReader::new(path).map_err(refused)?.into_tensors();

        let mut list = Vec::with_capacity(found.len());
        let mut values = Vec::with_capacity(found.len());
        for tensor in names.sorted().filter_map(|name| found.remove(&name)) {
            let (name, dtype, shape, read) = tensor.into_parts();
            let info = TensorInfo::new(name, element(dtype), shape)
                .map_err(|invalid| Error::malformed(path)(invalid.into()))?;
            list.push(info);
            values.push(Box::new(read) as Values);
        }
        let tensors = Tensors::new(list).map_err(Error::malformed(path))?;
        check_budget(&tensors, bytes, limits)
            .and_then(|()| {
                tensors
                    .iter()
                    .try_for_each(|tensor| check_decoded(tensor, limits))
            })
            .map_err(|problem| failed(path, problem))?;
        Ok(Self {
            path: path.to_owned(),
            tensors,
            values,
            metadata: Metadata::new(),
            remarks: remarks(scan),
            decoded: Decoded::default(),
        })
    }

    fn decode(&self, tensor: usize) -> Result<Vec<u8>, Error> {
        let info = &self.tensors[tensor];
        let mut bytes = (self.values[tensor])().map_err(|cause| match os_refused(&cause) {
            true => Error::io("read", &self.path)(cause),
            false => failed(&self.path, printable(&cause.to_string())),
        })?;
        if bytes.len() as u64 != info.bytes() {
            let name = Quoted::new(info.name());
            let problem = format!(
                "tensor {name} has {} bytes, not {}",
                bytes.len(),
                info.bytes()
            );
            return Err(failed(&self.path, problem));
        }
        // They come in the machine's own order.
        if cfg!(target_endian = "big") {
            bytes
                .chunks_exact_mut(info.dtype().size())
                .for_each(<[u8]>::reverse);
        }
        Ok(bytes)
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
        Format::Torch
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.tensors.get(tensor).map(|_| &*self.path)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        if into.len() as u64 == info.bytes() {
            into.copy_from_slice(&self.decode(tensor)?);
            return Ok(());
        }
        self.decoded
            .read(tensor, offset, into, || self.decode(tensor))
    }
}

/// How many pickles a stream has.
const STREAM_PICKLES: usize = 5;
/// The first of them: 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The magic number stands among the first opcodes.
const MAGIC_WITHIN: usize = 64;

/// Whether a pickle is the first of PyTorch's stream, by the first bytes of the file.
pub(crate) fn is_stream(start: &[u8]) -> bool {
    let start = &start[..start.len().min(MAGIC_WITHIN)];
    start.windows(MAGIC.len()).any(|window| window == MAGIC)
}

fn scan_stream(scan: &mut Scan, file: File, limits: &Limits) -> Result<(), Fault> {
    let mut pickles = BufReader::new(file.take(limits.header_bytes));
    for _ in 0..STREAM_PICKLES {
        scan.pickle(&mut pickles)?;
    }
    Ok(())
}

fn failed(path: &Path, problem: String) -> Error {
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

/// Why the file cannot be read, and what it names that may be the reason.
fn refused(path: &Path, scan: &Scan, error: PytorchError) -> Error {
    let error = match error {
        PytorchError::Io(cause) if os_refused(&cause) => return Error::io("read", path)(cause),
        other => other,
    };
    let text = error.to_string();
    if text.contains(OLD_MODULE) {
        return failed(
            path,
            "it is a whole module in the old format; save its state_dict() instead".to_owned(),
        );
    }
    let mut problem = printable(&text);
    if let Some(key) = scan.key_near(&text) {
        problem = format!("tensor {}: {problem}", Quoted::new(key));
    }
    if let Some(first) = remarks(scan).iter().find(|remark| remark.is_suspicious()) {
        problem = format!("{problem} ({first})");
    }
    failed(path, problem)
}

/// What the pinned reader says of the persistent id that stands for a module's class.
const OLD_MODULE: &str = "persistent id has 4 fields";

fn remarks(scan: &Scan) -> Vec<Remark> {
    let remark = |(module, name): &(String, String)| Remark::PickleGlobal {
        module: Quoted::new(module),
        name: Quoted::new(name),
    };
    let mut remarks: Vec<_> = scan.strangers.iter().map(remark).collect();
    if scan.reused > 0 {
        remarks.push(Remark::LeftOut {
            count: scan.reused,
            what: "collections of tensors that the file has under a second name",
        });
    }
    remarks
}

/// The names of tensors: the keys on the way to each, joined by dots.
struct Names<'a> {
    scan: &'a Scan,
    limits: &'a Limits,
    /// Where the walk is: the name so far, and what sorts it as the pickle does.
    name: String,
    order: Vec<usize>,
    found: Vec<(Vec<usize>, String)>,
    /// Of all names found.
    bytes: u64,
}

impl<'a> Names<'a> {
    fn of(root: &PickleValue, scan: &'a Scan, limits: &'a Limits) -> Result<Self, String> {
        let mut names = Self {
            scan,
            limits,
            name: String::new(),
            order: Vec::new(),
            found: Vec::new(),
            bytes: 0,
        };
        names.walk(root)?;
        names.check_unique()?;
        Ok(names)
    }

    fn walk(&mut self, value: &PickleValue) -> Result<(), String> {
        match value {
            PickleValue::Dict(entries) => entries.iter().try_for_each(|(key, value)| {
                let place = self.scan.place(key).or_else(|| key.parse().ok());
                self.below(key, place.unwrap_or(usize::MAX), value)
            }),
            PickleValue::List(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| self.below(&index.to_string(), index, value)),
            PickleValue::Unsupported(kind) if kind == "torch.Tensor" => self.add(),
            _ => Ok(()),
        }
    }

    fn below(&mut self, key: &str, place: usize, value: &PickleValue) -> Result<(), String> {
        let length = self.name.len();
        if !self.order.is_empty() {
            self.name.push('.');
        }
        self.name.push_str(key);
        self.order.push(place);
        self.walk(value)?;
        self.order.pop();
        self.name.truncate(length);
        Ok(())
    }

    fn add(&mut self) -> Result<(), String> {
        self.bytes += self.name.len() as u64;
        if self.bytes > self.limits.header_bytes || self.found.len() >= self.limits.tensors {
            return Err(format!(
                "its tensors or their names are beyond the limits of {} tensors and {} bytes",
                self.limits.tensors, self.limits.header_bytes
            ));
        }
        self.found.push((self.order.clone(), self.name.clone()));
        Ok(())
    }

    /// Different ways may give one name: `a` then `b.c`, and `a.b` then `c`.
    fn check_unique(&self) -> Result<(), String> {
        let mut seen = HashSet::with_capacity(self.found.len());
        match self.found.iter().find(|(_, name)| !seen.insert(name)) {
            Some((_, twice)) => Err(format!("two tensors have the name {}", Quoted::new(twice))),
            None => Ok(()),
        }
    }

    fn sorted(mut self) -> impl Iterator<Item = String> {
        self.found.sort_unstable();
        self.found.into_iter().map(|(_, name)| name)
    }
}

fn element(dtype: pytorch_reader::DType) -> DType {
    use pytorch_reader::DType as Theirs;
    match dtype {
        Theirs::F64 => DType::F64,
        Theirs::F32 => DType::F32,
        Theirs::F16 => DType::F16,
        Theirs::BF16 => DType::BF16,
        Theirs::I64 => DType::I64,
        Theirs::I32 => DType::I32,
        Theirs::I16 => DType::I16,
        Theirs::I8 => DType::I8,
        Theirs::U64 => DType::U64,
        Theirs::U32 => DType::U32,
        Theirs::U16 => DType::U16,
        Theirs::U8 => DType::U8,
        Theirs::Bool => DType::Bool,
    }
}
