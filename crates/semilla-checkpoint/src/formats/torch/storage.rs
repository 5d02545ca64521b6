//! The storages that a pickle names: what their elements are, and how many.

use std::collections::HashMap;

use semilla::DType;

use crate::formats::torch::pickle::{Id, Node, Values};
use crate::io::type_names::by_name;
use crate::quoted::Quoted;

/// A run of elements that tensors look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage {
    /// The text that it is kept under.
    pub(super) key: Id,
    /// The type that its class says; nothing for plain bytes and for what cannot be read.
    pub(super) dtype: Option<DType>,
    /// Bytes of an element; 0 if the class is not known.
    pub(super) size: u64,
    pub(super) elements: u64,
}

impl Storage {
    /// Its length, which was checked.
    pub(super) fn bytes(&self) -> u64 {
        self.elements * self.size
    }
}

/// Part of a storage, in its elements. Old files let tensors share storages by naming parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Which storage.
    pub(super) storage: usize,
    pub(super) start: u64,
    pub(super) elements: u64,
}

/// All storages of a file.
#[derive(Default)]
pub(super) struct Storages {
    pub(super) list: Vec<Storage>,
    by_key: HashMap<Id, usize>,
    /// The parts that persistent ids stand for.
    parts: HashMap<Id, Part>,
}

impl Storages {
    /// Reads every persistent id: ('storage', class, key, location, elements), in old files with a
    /// part (key, start, elements) or None after it, or ('module', class, file, source), which
    /// stands for the class.
    pub(super) fn of(values: &Values) -> Result<Self, String> {
        let mut storages = Self::default();
        for (id, node) in values.iter() {
            let Node::Persistent(name) = node else {
                continue;
            };
            let fields = values.tuple(*name).unwrap_or_default();
            match fields.first().and_then(|&kind| values.text(kind)) {
                Some("storage") => {
                    let part = storages.part(values, fields)?;
                    storages.parts.insert(id, part);
                }
                Some("module") => {}
                _ => return Err("it refers to something that is no storage".to_owned()),
            }
        }
        Ok(storages)
    }

    /// The part that a persistent id stands for.
    pub(super) fn get(&self, id: Id) -> Option<(Part, &Storage)> {
        let part = *self.parts.get(&id)?;
        Some((part, &self.list[part.storage]))
    }

    /// The number of the storage under a key.
    pub(super) fn number(&self, key: Id) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    fn part(&mut self, values: &Values, fields: &[Id]) -> Result<Part, String> {
        let odd = || "it names a storage in a way that PyTorch does not".to_owned();
        let ([_, class, key, _, elements], view) = fields.split_first_chunk().ok_or_else(odd)?;
        let name = values.text(*key).ok_or_else(odd)?;
        let (module, class) = values.global(*class).ok_or_else(odd)?;
        let (dtype, size) = element(module, class);
        let storage = Storage {
            key: *key,
            dtype,
            size,
            elements: count(values, *elements).ok_or_else(odd)?,
        };
        if storage.elements.checked_mul(size).is_none() {
            return Err(odd());
        }
        let number = *self.by_key.entry(*key).or_insert_with(|| {
            self.list.push(storage);
            self.list.len() - 1
        });
        if self.list[number] != storage {
            let name = Quoted::new(name);
            return Err(format!(
                "storage {name} is said to be of two types or lengths"
            ));
        }
        let (start, elements) = match view.first().map(|&view| values.get(view)) {
            Some(Node::Tuple(view)) => match **view {
                [_, start, elements] => (count(values, start), count(values, elements)),
                _ => return Err(odd()),
            },
            _ => (Some(0), Some(storage.elements)),
        };
        let (start, elements) = start.zip(elements).ok_or_else(odd)?;
        match start.checked_add(elements) {
            Some(end) if end <= storage.elements => Ok(Part {
                storage: number,
                start,
                elements,
            }),
            _ => Err(format!("a part of storage {} leaves it", Quoted::new(name))),
        }
    }
}

/// A number that cannot be negative.
pub(super) fn count(values: &Values, id: Id) -> Option<u64> {
    values.integer(id).and_then(|value| value.try_into().ok())
}

/// The element type of a class of storages if it can be read, and its size if it is known.
fn element(module: &str, class: &str) -> (Option<DType>, u64) {
    let dtype = match (module, class) {
        ("torch", "DoubleStorage") => DType::F64,
        ("torch", "FloatStorage") => DType::F32,
        ("torch", "HalfStorage") => DType::F16,
        ("torch", "BFloat16Storage") => DType::BF16,
        ("torch", "LongStorage") => DType::I64,
        ("torch", "IntStorage") => DType::I32,
        ("torch", "ShortStorage") => DType::I16,
        ("torch", "CharStorage") => DType::I8,
        ("torch", "ByteStorage") => DType::U8,
        ("torch", "BoolStorage") => DType::Bool,
        ("torch" | "torch.storage", "UntypedStorage") => return (None, 1),
        ("torch", "QInt8Storage" | "QUInt8Storage") => return (None, 1),
        ("torch", "QUInt4x2Storage" | "QUInt2x4Storage") => return (None, 1),
        ("torch", "QInt32Storage") => return (None, 4),
        ("torch", "ComplexFloatStorage") => return (None, 8),
        ("torch", "ComplexDoubleStorage") => return (None, 16),
        _ => return (None, 0),
    };
    (Some(dtype), dtype.size() as u64)
}

/// The element type that a global of PyTorch stands for.
pub(super) fn dtype(values: &Values, id: Id) -> Result<DType, String> {
    let name = match values.global(id) {
        Some(("torch", name)) => name,
        _ => return Err("its dtype is none of PyTorch's".to_owned()),
    };
    match name {
        "float8_e8m0fnu" => Ok(DType::F8E8M0),
        _ => by_name(name).ok_or_else(|| format!("its dtype {} cannot be read", Quoted::new(name))),
    }
}
