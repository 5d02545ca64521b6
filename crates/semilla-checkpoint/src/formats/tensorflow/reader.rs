//! Opening a table and the files beside it, and reading variables where they lie.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::bundle::{Header, Variable};
use super::slices::{MARK, Slice};
use super::table::{Entry, entries};
use crate::io::block::{Block, Uneven, check_tiles};
use crate::io::budget::check_budget;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::io::window::{Fault, Window};
use crate::{Checkpoint, Error, Format, Limits, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// The variables of a checkpoint of TensorFlow.
pub(crate) struct TensorFlow {
    files: Vec<Data>,
    tensors: Tensors,
    /// The boxes of each one.
    pieces: Vec<Vec<Piece>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

/// A box of a variable: the number of its file, and where it begins there.
struct Piece {
    block: Block,
    file: usize,
    start: u64,
}

/// A file of elements.
struct Data {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// How a table's name ends.
const ENDING: &str = ".index";
/// What TensorFlow 2 puts behind a variable's name.
const VALUE: &str = "/.ATTRIBUTES/VARIABLE_VALUE";
/// The description of the objects, which is of no use here.
const OBJECTS: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

impl TensorFlow {
    /// Opens the table at `path`, and the files that it speaks of.
    ///
    /// # Errors
    /// A file is missing or damaged, or beyond the limits.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut window = Window::new(&file, bytes);
        let all = entries(&mut window, limits).map_err(failed(path))?;
        let Some((first, variables)) = all.split_first().filter(|(first, _)| first.key.is_empty())
        else {
            return Err(failed(path)(Fault::new(
                "it does not say which files it is of",
            )));
        };
        let header = Header::read(&mut window, first.value).map_err(failed(path))?;
        if header.is_big_endian {
            let problem = "it was saved on a big-endian machine; save it on another";
            return Err(failed(path)(Fault::new(problem)));
        }
        let files = data_files(path, header.files)?;
        let mut found = Found::default();
        for entry in variables {
            let added = found.add(&mut window, entry, variables, &files);
            added.map_err(failed(path))?;
        }
        let tensors = Tensors::new(found.tensors).map_err(Error::malformed(path))?;
        let all_bytes = files.iter().map(|file| file.bytes).sum();
        check_budget(&tensors, all_bytes, limits)
            .map_err(|problem| failed(path)(Fault::new(problem)))?;
        let left_out = (found.left_out > 0).then_some(Remark::LeftOut {
            count: found.left_out,
            what: "variables of the optimizer, counters and metrics",
        });
        Ok(Self {
            files,
            tensors,
            pieces: found.pieces,
            metadata: Metadata::new(),
            remarks: left_out.into_iter().chain(found.remarks).collect(),
        })
    }
}

/// Opens all files of elements.
fn data_files(table: &Path, count: u32) -> Result<Vec<Data>, Error> {
    let stem = table.to_string_lossy();
    let stem = stem.strip_suffix(ENDING).unwrap_or(&stem);
    let mut missing = Vec::new();
    let mut files = Vec::new();
    for number in 0..count {
        let path = PathBuf::from(format!("{stem}.data-{number:05}-of-{count:05}"));
        if !path.exists() {
            let name = path.file_name().unwrap_or_default();
            missing.push(name.to_string_lossy().into_owned());
            if missing.len() == MOST_NAMED {
                break;
            }
            continue;
        }
        let (file, bytes) = open_file(&path)?;
        files.push(Data { path, file, bytes });
    }
    match missing.is_empty() {
        true => Ok(files),
        false => Err(Error::MissingParts {
            path: table.to_owned(),
            missing,
        }),
    }
}

/// The most missing files that are named.
const MOST_NAMED: usize = 10;

/// What was found of the variables.
#[derive(Default)]
struct Found {
    tensors: Vec<TensorInfo>,
    pieces: Vec<Vec<Piece>>,
    remarks: Vec<Remark>,
    left_out: usize,
}

impl Found {
    /// Adds the variable of an entry; `all` has the entries of its slices, too.
    fn add(
        &mut self,
        window: &mut Window,
        entry: &Entry,
        all: &[Entry],
        files: &[Data],
    ) -> Result<(), Fault> {
        let Ok(key) = str::from_utf8(&entry.key) else {
            return Ok(());
        };
        if entry.key.first() == Some(&MARK) || key == OBJECTS {
            return Ok(());
        }
        if is_of_training(key) {
            self.left_out += 1;
            return Ok(());
        }
        let variable = Variable::read(window, entry.value)?;
        let name = key.strip_suffix(VALUE).unwrap_or(key).to_owned();
        let dtype = match variable.dtype() {
            Ok(dtype) => dtype,
            Err(problem) => {
                let problem = problem.to_owned();
                self.remarks.push(Remark::Unreadable { name, problem });
                return Ok(());
            }
        };
        let info = TensorInfo::new(name, dtype, variable.shape.clone())?;
        let pieces = match &variable.slices[..] {
            [] => {
                let starts = vec![0; info.shape().len()];
                vec![piece(&info, &variable, &starts, files)?]
            }
            slices => of_slices(&info, key, slices, window, all, files)?,
        };
        self.pieces.push(pieces);
        self.tensors.push(info);
        Ok(())
    }
}

/// The boxes of a variable that was saved in slices.
fn of_slices(
    info: &TensorInfo,
    key: &str,
    slices: &[Slice],
    window: &mut Window,
    all: &[Entry],
    files: &[Data],
) -> Result<Vec<Piece>, Fault> {
    let odd =
        |problem: &str| Fault::new(format!("variable {}: {problem}", Quoted::new(info.name())));
    let one = |slice: &Slice| {
        let bounds = slice.bounds(info.shape());
        let (starts, sizes) = bounds.ok_or_else(|| odd("a slice is none of its shape"))?;
        let key = slice.key(key);
        let entry = all.binary_search_by(|entry| entry.key.cmp(&key)).ok();
        let entry = entry.ok_or_else(|| odd("a slice is missing; fetch the files again"))?;
        let variable = Variable::read(window, all[entry].value)?;
        match variable.shape == sizes && variable.dtype().ok() == Some(info.dtype()) {
            true => piece(info, &variable, &starts, files),
            false => Err(odd("a slice contradicts it")),
        }
    };
    let pieces: Vec<Piece> = slices.iter().map(one).collect::<Result<_, _>>()?;
    let blocks: Vec<&Block> = pieces.iter().map(|piece| &piece.block).collect();
    match check_tiles(&blocks, info.bytes()) {
        Ok(()) => Ok(pieces),
        Err(Uneven::Gap) => Err(odd("its slices leave a gap")),
        Err(Uneven::Twice) => Err(odd("its slices overlap")),
        Err(Uneven::TooMany) => Err(odd("it has too many slices")),
    }
}

/// The box of a tensor that begins at `starts` and is stored as one.
fn piece(
    info: &TensorInfo,
    stored: &Variable,
    starts: &[usize],
    files: &[Data],
) -> Result<Piece, Fault> {
    let name = || Quoted::new(info.name());
    let block = Block::new(starts, &stored.shape, info.shape(), info.dtype().size());
    let block =
        block.ok_or_else(|| Fault::new(format!("variable {}: a slice leaves it", name())))?;
    if block.bytes() != stored.bytes {
        let (needed, found) = (block.bytes(), stored.bytes);
        return Err(Fault::new(format!(
            "variable {} has {found} bytes where its shape needs {needed}",
            name()
        )));
    }
    let file = usize::try_from(stored.file).ok();
    let file = file.and_then(|number| Some((number, files.get(number)?)));
    let end = stored.offset.checked_add(stored.bytes);
    match (file, end) {
        (Some((file, data)), Some(end)) if end <= data.bytes => Ok(Piece {
            block,
            file,
            start: stored.offset,
        }),
        _ => Err(Fault::new(format!(
            "variable {} ends behind its file; fetch the files again",
            name()
        ))),
    }
}

/// Whether a variable is of the training and no weight: moments, counters, metrics.
fn is_of_training(key: &str) -> bool {
    const MOMENTS: [&str; 11] = [
        "adam_m",
        "adam_v",
        "Adam",
        "Adam_1",
        "Momentum",
        "RMSProp",
        "RMSProp_1",
        "Adagrad",
        "Adadelta",
        "LAMB",
        "LAMB_1",
    ];
    const COUNTERS: [&str; 4] = ["global_step", "save_counter", "beta1_power", "beta2_power"];
    let key = key.strip_suffix(VALUE).unwrap_or(key);
    let parts: Vec<&str> = key.split('/').collect();
    let last = parts.last().copied().unwrap_or_default();
    // Keras 3 calls a model's weights by the way through its optimizer.
    let mut pairs = parts.windows(2);
    let is_optimizers =
        pairs.any(|pair| pair[0] == "optimizer" && pair[1] != "_trainable_variables");
    is_optimizers
        || key.contains("/.OPTIMIZER_SLOT/")
        || key.starts_with("keras_api/metrics/")
        || MOMENTS.contains(&last)
        || COUNTERS.contains(&last)
}

fn failed(path: &Path) -> impl Fn(Fault) -> Error {
    move |fault| Fault::in_file(path, Format::TensorFlow)(fault)
}

impl Checkpoint for TensorFlow {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::TensorFlow
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let first = self.pieces.get(tensor)?.first()?;
        Some(&self.files[first.file].path)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let pieces = self.pieces.get(tensor).into_iter().flatten();
        pieces.map(|piece| &*self.files[piece.file].path).collect()
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        for piece in &self.pieces[tensor] {
            let Data { path, file, .. } = &self.files[piece.file];
            piece.block.copy(offset, into, |from, bytes| {
                read_at(file, bytes, piece.start + from).map_err(Error::io("read", path))
            })?;
        }
        Ok(())
    }
}
