//! `.metadata`: which box of which tensor lies where.
//!
//! Source: `torch/distributed/checkpoint/metadata.py` and `filesystem.py`. The root has the fields
//! `state_dict_metadata` (a description by name) and `storage_data` (a place by name and offsets).

use std::collections::HashMap;

use crate::formats::torch::pickle::{Id, Node, Values};
use crate::formats::torch::sequence::{sequence, sizes};
use crate::formats::torch::storage::{count, dtype};
use crate::io::block::{Block, Uneven, check_tiles};
use crate::io::file::is_plain;
use crate::quoted::Quoted;
use crate::tensor::InvalidTensor;
use crate::{Limits, Remark, TensorInfo};

/// A box of a tensor, and the archive that holds it.
pub(super) struct Piece {
    pub(super) block: Block,
    /// The sizes of the box.
    pub(super) sizes: Vec<usize>,
    /// The number of its file.
    pub(super) file: usize,
    /// Where the archive begins in the file, and how long it is.
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// What a folder holds.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) tensors: Vec<(TensorInfo, Vec<Piece>)>,
    /// The names of the files in the folder.
    pub(super) files: Vec<String>,
    pub(super) remarks: Vec<Remark>,
}

/// Why it cannot be told.
pub(super) enum Fault {
    Problem(String),
    Invalid(InvalidTensor),
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Fault::Problem(problem)
    }
}

/// Where an archive lies.
#[derive(Clone, Copy)]
struct Place {
    file: usize,
    start: u64,
    bytes: u64,
}

impl Listed {
    /// Reads the values of the pickle.
    pub(super) fn of(values: &Values, root: Id, limits: &Limits) -> Result<Self, Fault> {
        let odd = || "it is no metadata of torch.distributed.checkpoint".to_owned();
        let described = field(values, root, "state_dict_metadata").ok_or_else(odd)?;
        let Node::Dict(described) = values.get(described) else {
            return Err(odd().into());
        };
        let stored = field(values, root, "storage_data").ok_or_else(odd)?;
        let mut listed = Self::default();
        let places = listed.places(values, stored)?;
        let (mut objects, mut pieces) = (0, 0);
        for &(key, described) in described {
            let name = values.text(key).ok_or_else(odd)?;
            let Some(chunks) = field(values, described, "chunks") else {
                objects += 1;
                continue;
            };
            let Some(info) = listed.info(values, name, described)? else {
                continue;
            };
            let chunks = sequence(values, chunks).ok_or_else(odd)?;
            pieces += chunks.len();
            if pieces > limits.tensors {
                let most = limits.tensors;
                return Err(format!("its tensors are in more than {most} pieces").into());
            }
            let piece = |&chunk: &Id| piece(values, (key, &info), chunk, &places).transpose();
            let found: Result<Vec<Piece>, String> = chunks.iter().filter_map(piece).collect();
            let found = found?;
            let blocks: Vec<&Block> = found.iter().map(|piece| &piece.block).collect();
            check_tiles(&blocks, info.bytes()).map_err(|uneven| uneven_pieces(name, uneven))?;
            listed.tensors.push((info, found));
        }
        if objects > 0 {
            listed.remarks.push(Remark::LeftOut {
                count: objects,
                what: "objects that are no tensors",
            });
        }
        Ok(listed)
    }

    /// The archives by the names of their tensors and where they begin in these.
    fn places(
        &mut self,
        values: &Values,
        stored: Id,
    ) -> Result<HashMap<(Id, Vec<u64>), Place>, String> {
        let odd = || "it says in an unknown way where its tensors lie".to_owned();
        let Node::Dict(stored) = values.get(stored) else {
            return Err(odd());
        };
        let mut numbers: HashMap<Id, usize> = HashMap::new();
        let mut places = HashMap::with_capacity(stored.len());
        for &(index, place) in stored {
            let name = field(values, index, "fqn").ok_or_else(odd)?;
            let offsets = field(values, index, "offset");
            // Objects that are no tensors have no offsets.
            let Some(offsets) = offsets.and_then(|offsets| sizes(values, offsets)) else {
                continue;
            };
            let transforms = field(values, place, "transform_descriptors");
            let transforms = transforms.and_then(|all| sequence(values, all));
            if transforms.is_some_and(|all| !all.is_empty()) {
                let name = Quoted::new(values.text(name).unwrap_or_default());
                return Err(format!(
                    "an extension of the writer transformed {name}; save it without extensions"
                ));
            }
            let file = field(values, place, "relative_path").ok_or_else(odd)?;
            let file_name = values.text(file).ok_or_else(odd)?;
            if !is_plain(file_name) {
                let file_name = Quoted::new(file_name);
                return Err(format!(
                    "it names a file outside of its folder, {file_name}"
                ));
            }
            let number = *numbers.entry(file).or_insert_with(|| {
                self.files.push(file_name.to_owned());
                self.files.len() - 1
            });
            let number_of = |key| field(values, place, key).and_then(|id| count(values, id));
            let place = Place {
                file: number,
                start: number_of("offset").ok_or_else(odd)?,
                bytes: number_of("length").ok_or_else(odd)?,
            };
            places.insert((name, offsets), place);
        }
        Ok(places)
    }

    /// A tensor as described; nothing if its elements cannot be read.
    fn info(
        &mut self,
        values: &Values,
        name: &str,
        described: Id,
    ) -> Result<Option<TensorInfo>, Fault> {
        let properties = element_type(values, described);
        let shape = field(values, described, "size").and_then(|size| sizes(values, size));
        let (Some(kind), Some(shape)) = (properties, shape) else {
            let name = Quoted::new(name);
            return Err(format!("tensor {name} is described in an unknown way").into());
        };
        match dtype(values, kind) {
            Ok(dtype) => {
                let shape: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
                let info = TensorInfo::new(name, dtype, shape);
                info.map(Some).map_err(Fault::Invalid)
            }
            Err(problem) => {
                self.remarks.push(Remark::Unreadable {
                    name: name.to_owned(),
                    problem,
                });
                Ok(None)
            }
        }
    }
}

/// The element type among the properties of a tensor: the first of several.
fn element_type(values: &Values, described: Id) -> Option<Id> {
    let properties = field(values, described, "properties")?;
    let state = values.call(properties)?.state?;
    values.tuple(state)?.first().copied()
}

/// A field of an object.
fn field(values: &Values, object: Id, name: &str) -> Option<Id> {
    values.entry(values.call(object)?.state?, name)
}

/// A box with its archive; nothing if it is empty.
fn piece(
    values: &Values,
    (key, info): (Id, &TensorInfo),
    chunk: Id,
    places: &HashMap<(Id, Vec<u64>), Place>,
) -> Result<Option<Piece>, String> {
    let odd = || {
        format!(
            "tensor {} has a piece that leaves it",
            Quoted::new(info.name())
        )
    };
    let sizes_of = |name| field(values, chunk, name).and_then(|id| sizes(values, id));
    let (starts, lengths) = sizes_of("offsets").zip(sizes_of("sizes")).ok_or_else(odd)?;
    let as_usize = |all: &[u64]| -> Vec<usize> { all.iter().map(|&n| n as usize).collect() };
    let lengths = as_usize(&lengths);
    let block = Block::new(
        &as_usize(&starts),
        &lengths,
        info.shape(),
        info.dtype().size(),
    );
    let block = block.ok_or_else(odd)?;
    if block.bytes() == 0 {
        return Ok(None);
    }
    let place = places.get(&(key, starts)).ok_or_else(|| {
        let name = Quoted::new(info.name());
        format!("it does not say where a piece of tensor {name} lies")
    })?;
    Ok(Some(Piece {
        block,
        sizes: lengths,
        file: place.file,
        start: place.start,
        bytes: place.bytes,
    }))
}

fn uneven_pieces(name: &str, uneven: Uneven) -> String {
    let what = match uneven {
        Uneven::Gap => "leave a part of it out",
        Uneven::Twice => "lie over each other",
        Uneven::TooMany => "are too many to be compared",
    };
    format!("the pieces of tensor {} {what}", Quoted::new(name))
}
