//! The files that hold a model's values.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use semilla::graph::Literal;

use super::stored::{Data, External, Stored, Typed};
use crate::io::file::{is_plain, open_file};
use crate::io::position::read_at;
use crate::io::window::Fault;
use crate::{Error, Format, Limits, Quoted, TensorInfo, Tensors};

/// Where the values of a tensor are.
pub(super) enum Place {
    /// As they are read, in a file, from a byte on.
    Raw { file: usize, start: u64 },
    /// As numbers of the model's file.
    Typed(Typed),
}

/// The model's own file and those beside it that hold its values.
pub(super) struct Files {
    pub(super) paths: Vec<PathBuf>,
    sizes: Vec<u64>,
    by_location: HashMap<String, usize>,
}

impl Files {
    pub(super) fn new(path: &Path, bytes: u64) -> Self {
        Self {
            paths: vec![path.to_owned()],
            sizes: vec![bytes],
            by_location: HashMap::new(),
        }
    }

    fn fault(&self, info: &TensorInfo, problem: String) -> Error {
        let problem = format!("tensor {}: {problem}", Quoted::new(info.name()));
        Fault::in_file(&self.paths[0], Format::Onnx)(Fault::Problem(problem))
    }

    /// Finds the values, and that they are as many as the shape asks for.
    pub(super) fn place(
        &mut self,
        tensor: &Stored,
        info: &TensorInfo,
        limits: &Limits,
    ) -> Result<Place, Error> {
        let needed = info.bytes();
        let (file, start, found) = match &tensor.data {
            Data::Absent => (0, 0, 0),
            Data::Raw(span) => (0, span.start, span.len()),
            Data::External(external) => {
                let file = self.beside(info, external)?;
                let found = self.sizes[file].saturating_sub(external.offset);
                let stated = external.length.unwrap_or(needed);
                (
                    file,
                    external.offset,
                    if stated == needed {
                        found.min(needed)
                    } else {
                        stated
                    },
                )
            }
            Data::Typed(typed) => {
                if !typed.kind.holds(info.dtype()) || typed.count != info.elements() {
                    let (count, kind) = (typed.count, typed.kind);
                    return Err(self.fault(
                        info,
                        format!(
                            "its {count} values of {kind:?} are not what its type and shape ask for"
                        ),
                    ));
                }
                match typed.together() {
                    Some(span) => (0, span.start, span.len()),
                    None if needed > limits.decoded_bytes => {
                        return Err(self.fault(
                            info,
                            format!("its {needed} bytes are more than the limit for decoding"),
                        ));
                    }
                    None => return Ok(Place::Typed(*typed)),
                }
            }
        };
        if found != needed {
            return Err(self.fault(
                info,
                format!("type and shape need {needed} bytes and there are {found}"),
            ));
        }
        Ok(Place::Raw { file, start })
    }

    /// The values of a short tensor in a file beside the model's; `None` for other tensors, or if
    /// the values cannot be read.
    pub(super) fn literal(
        &mut self,
        name: &str,
        tensor: &Stored,
        limits: &Limits,
    ) -> Option<Literal> {
        let (dtype, Data::External(_)) = (tensor.short_type()?, &tensor.data) else {
            return None;
        };
        let info = TensorInfo::new(name, dtype, tensor.shape()).ok()?;
        let Ok(Place::Raw { file, start }) = self.place(tensor, &info, limits) else {
            return None;
        };
        let mut bytes = vec![0; info.bytes() as usize];
        let (file, _) = open_file(&self.paths[file]).ok()?;
        read_at(&file, &mut bytes, start).ok()?;
        Literal::new(dtype, tensor.shape(), bytes)
    }

    /// The file that a location names, which must be in the model's own folder.
    fn beside(&mut self, info: &TensorInfo, external: &External) -> Result<usize, Error> {
        let location = &external.location;
        if let Some(&file) = self.by_location.get(location) {
            return Ok(file);
        }
        if !is_plain(location) {
            let quoted = Quoted::new(location);
            return Err(self.fault(
                info,
                format!(
                    "its data are in {quoted}, which is refused: \
                     it must be a file in the model's own folder"
                ),
            ));
        }
        let path = self.paths[0].with_file_name(location);
        let (_, bytes) = open_file(&path)?;
        self.paths.push(path);
        self.sizes.push(bytes);
        let file = self.sizes.len() - 1;
        self.by_location.insert(location.clone(), file);
        Ok(file)
    }

    /// Several tensors may share values, but not so that a small file fills the memory.
    pub(super) fn check_expansion(&self, tensors: &Tensors, limits: &Limits) -> Result<(), Error> {
        let stored: u64 = self.sizes.iter().fold(0, |a, &b| a.saturating_add(b));
        if tensors.bytes() <= stored.saturating_mul(limits.expansion) {
            return Ok(());
        }
        let problem = format!(
            "its tensors have {} bytes together, more than {} times the {stored} that are stored",
            tensors.bytes(),
            limits.expansion
        );
        Err(Fault::in_file(&self.paths[0], Format::Onnx)(
            Fault::Problem(problem),
        ))
    }
}
