//! Programs of `torch.export`: their weights, which lie as plain storages in the archive.
//!
//! Source: `torch/export/pt2_archive` and `torch/_export/serde/schema.py`. A list in JSON says for
//! each name which entry holds its storage, and how the tensor lies in it.

use std::collections::BTreeMap;

use semilla::DType;
use serde::Deserialize;

use super::storage::{Part, Storage};
use super::view::View;
use crate::formats::torch::pickle::Values;
use crate::io::archive::{Archive, Entry};
use crate::quoted::Quoted;
use crate::{Error, Format, Limits, Remark, TensorInfo};

/// The list of weights.
pub(super) const LIST: &str = "model_weights_config.json";
/// The archive of weights inside of older files.
pub(super) const STATE: &str = "serialized_state_dict.pt";

#[derive(Deserialize)]
struct List {
    config: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path_name: String,
    #[serde(default)]
    use_pickle: bool,
    tensor_meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    dtype: u32,
    sizes: Vec<Size>,
    strides: Vec<Size>,
    storage_offset: Size,
}

#[derive(Deserialize)]
struct Size {
    as_int: Option<u64>,
}

/// A tensor, its view, and the archive's entry that is its storage.
pub(super) type Weight = (TensorInfo, View, usize);

/// The weights that the list names, in the order of their names, and what cannot be read. The view
/// of each is of the storage of its own number.
pub(super) fn weights(
    archive: &Archive,
    list: &Entry,
    limits: &Limits,
) -> Result<(Vec<Weight>, Vec<Remark>), Error> {
    let fail = |problem: String| Error::Format {
        path: archive.path().to_owned(),
        format: Format::Torch,
        problem,
    };
    let json = archive.read_all(list, Format::Torch, limits.header_bytes)?;
    let listed: List = serde_json::from_slice(&json)
        .map_err(|error| fail(format!("its list of weights: {error}")))?;
    if listed.config.len() > limits.tensors {
        return Err(fail(format!("it has more than {} tensors", limits.tensors)));
    }
    let folder = list.name.strip_suffix(LIST).unwrap_or_default();
    let names: BTreeMap<&str, usize> = archive
        .entries()
        .iter()
        .enumerate()
        .map(|(number, entry)| (&*entry.name, number))
        .collect();
    let (mut weights, mut remarks) = (Vec::new(), Vec::new());
    for (name, listed) in listed.config {
        let quoted = Quoted::new(&name);
        let dtype = dtype(listed.tensor_meta.dtype).filter(|_| !listed.use_pickle);
        let Some(dtype) = dtype else {
            remarks.push(Remark::Unreadable {
                name,
                problem: "it is of a type or a class that cannot be read; export a program with \
                          plain tensors"
                    .to_owned(),
            });
            continue;
        };
        let number = names
            .get(&*format!("{folder}{}", listed.path_name))
            .copied();
        let number = number
            .ok_or_else(|| fail(format!("tensor {quoted}: its values are not in the file")))?;
        let bytes = archive.entries()[number].bytes;
        let view = listed.tensor_meta.view(dtype, weights.len(), bytes);
        let (shape, view) = view.ok_or_else(|| {
            fail(format!(
                "tensor {quoted}: its elements are not all in its storage"
            ))
        })?;
        let info = TensorInfo::new(name, dtype, shape);
        let info = info.map_err(|invalid| Error::malformed(archive.path())(invalid.into()))?;
        weights.push((info, view, number));
    }
    Ok((weights, remarks))
}

impl Meta {
    /// The shape, and how the tensor lies in a storage of so many bytes.
    fn view(&self, dtype: DType, storage: usize, bytes: u64) -> Option<(Vec<usize>, View)> {
        let sizes =
            |all: &[Size]| -> Option<Vec<u64>> { all.iter().map(|size| size.as_int).collect() };
        let (shape, strides) = sizes(&self.sizes).zip(sizes(&self.strides))?;
        let size = dtype.size() as u64;
        let elements = bytes / size;
        let part = Part {
            storage,
            start: 0,
            elements,
        };
        let whole = Storage {
            key: Values::OTHER,
            dtype: Some(dtype),
            size,
            elements,
        };
        let offset = self.storage_offset.as_int?;
        let view = View::new((part, &whole), dtype, offset, &shape, &strides)?;
        Some((shape.iter().map(|&size| size as usize).collect(), view))
    }
}

/// The element type of a number of the schema's `ScalarType`.
fn dtype(number: u32) -> Option<DType> {
    Some(match number {
        1 => DType::U8,
        2 => DType::I8,
        3 => DType::I16,
        4 => DType::I32,
        5 => DType::I64,
        6 => DType::F16,
        7 => DType::F32,
        8 => DType::F64,
        12 => DType::Bool,
        13 => DType::BF16,
        28 => DType::U16,
        29 => DType::F8E4M3,
        30 => DType::F8E5M2,
        33 => DType::F8E8M0,
        34 => DType::U32,
        35 => DType::U64,
        _ => return None,
    })
}
