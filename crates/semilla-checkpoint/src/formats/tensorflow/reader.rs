//! Opening a table and the files beside it, and reading variables where they lie.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::bundle::{Header, Variable};
use super::table::{Entry, entries};
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
    /// The number of each one's file, and where it begins there.
    places: Vec<(usize, u64)>,
    metadata: Metadata,
    remarks: Vec<Remark>,
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
            let added = found.add(&mut window, entry, &files);
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
            places: found.places,
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
    places: Vec<(usize, u64)>,
    remarks: Vec<Remark>,
    left_out: usize,
}

impl Found {
    fn add(&mut self, window: &mut Window, entry: &Entry, files: &[Data]) -> Result<(), Fault> {
        let Ok(key) = str::from_utf8(&entry.key) else {
            return Ok(());
        };
        // Slices of a variable have keys of their own, which begin so.
        if key.starts_with('\0') || key == OBJECTS {
            return Ok(());
        }
        if is_of_training(key) {
            self.left_out += 1;
            return Ok(());
        }
        let variable = Variable::read(window, entry.value)?;
        let name = key.strip_suffix(VALUE).unwrap_or(key).to_owned();
        let dtype = match variable.dtype() {
            Ok(dtype) if variable.slices == 0 => dtype,
            refused => {
                let problem = match refused {
                    Ok(_) => "it was saved in slices; save it whole with TensorFlow",
                    Err(problem) => problem,
                };
                let problem = problem.to_owned();
                self.remarks.push(Remark::Unreadable { name, problem });
                return Ok(());
            }
        };
        let info = TensorInfo::new(name, dtype, variable.shape)?;
        let name = || Quoted::new(info.name());
        if info.bytes() != variable.bytes {
            let (needed, found) = (info.bytes(), variable.bytes);
            return Err(Fault::new(format!(
                "variable {} has {found} bytes where its shape needs {needed}",
                name()
            )));
        }
        let file = usize::try_from(variable.file).ok();
        let file = file.and_then(|number| Some((number, files.get(number)?)));
        let end = variable.offset.checked_add(variable.bytes);
        match (file, end) {
            (Some((number, file)), Some(end)) if end <= file.bytes => {
                self.places.push((number, variable.offset));
                self.tensors.push(info);
                Ok(())
            }
            _ => Err(Fault::new(format!(
                "variable {} ends behind its file; fetch the files again",
                name()
            ))),
        }
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
        let &(file, _) = self.places.get(tensor)?;
        Some(&self.files[file].path)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let (file, start) = self.places[tensor];
        let Data { path, file, .. } = &self.files[file];
        read_at(file, into, start + offset).map_err(Error::io("read", path))
    }
}
