//! The text that Keras hangs on groups and datasets.

use hdf5_reader::group::Group;
use hdf5_reader::messages::attribute::AttributeMessage;
use hdf5_reader::{Dataset, Datatype, RawAttribute, StringSize, VarLenKind};

use super::reader::{Problem, problem};

/// The attributes of one object.
///
/// Decoded one by one and on demand: references of variable-length text can repeat a large value.
pub(super) struct Attributes<'a> {
    list: Vec<RawAttribute>,
    object: Object<'a>,
}

enum Object<'a> {
    Group(&'a Group),
    Dataset(&'a Dataset),
}

/// More text than lists of names have.
const MAX_TEXT: usize = 64 << 20;

impl<'a> Attributes<'a> {
    pub(super) fn of_group(group: &'a Group) -> Result<Self, Problem> {
        Ok(Self {
            list: group.raw_attributes().map_err(|e| problem(&e))?,
            object: Object::Group(group),
        })
    }

    pub(super) fn of_dataset(dataset: &'a Dataset) -> Result<Self, Problem> {
        Ok(Self {
            list: dataset.raw_attributes().map_err(|e| problem(&e))?,
            object: Object::Dataset(dataset),
        })
    }

    /// One text, if there is such an attribute.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let mut values = self.texts(self.find(key)?).ok()?;
        (values.len() == 1).then(|| values.remove(0))
    }

    /// A list of texts, which Keras cuts into `key0`, `key1`, ... where it is long.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<String>>, Problem> {
        if let Some(attribute) = self.find(key) {
            return self.texts(attribute).map(Some);
        }
        let mut all = None;
        for part in 0.. {
            let Some(attribute) = self.find(&format!("{key}{part}")) else {
                break;
            };
            all.get_or_insert_with(Vec::new)
                .extend(self.texts(attribute)?);
        }
        Ok(all)
    }

    fn find(&self, key: &str) -> Option<&AttributeMessage> {
        let attribute = self.list.iter().find(|attribute| attribute.name() == key);
        attribute.map(RawAttribute::message)
    }

    fn texts(&self, attribute: &AttributeMessage) -> Result<Vec<String>, Problem> {
        let invalid = |what: &str| format!("the attribute {:?} {what}", attribute.name);
        let count = attribute
            .dataspace
            .num_elements()
            .map_err(|_| invalid("is too long"))?;
        // Written without elements, a list has the type of numbers.
        if count == 0 {
            return Ok(Vec::new());
        }
        let (size, variable) = match &attribute.datatype {
            Datatype::String {
                size: StringSize::Fixed(size),
                ..
            } => (*size as usize, false),
            Datatype::String {
                size: StringSize::Variable,
                ..
            }
            | Datatype::VarLen {
                kind: VarLenKind::String,
                ..
            } => (self.reference_size(), true),
            _ => return Err(invalid("should be text")),
        };
        let needed = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size));
        let bytes = needed
            .filter(|&needed| needed > 0)
            .and_then(|needed| attribute.raw_data.get(..needed))
            .ok_or_else(|| invalid("is truncated"))?;
        let mut left = MAX_TEXT;
        bytes
            .chunks_exact(size)
            .map(|element| {
                let text = match variable {
                    true => self.resolve(element)?,
                    false => element.to_vec(),
                };
                left = left
                    .checked_sub(text.len())
                    .ok_or_else(|| invalid("is too long"))?;
                let end = text
                    .iter()
                    .position(|&byte| byte == 0)
                    .unwrap_or(text.len());
                String::from_utf8(text[..end].to_vec()).map_err(|_| invalid("is not UTF-8"))
            })
            .collect()
    }

    fn reference_size(&self) -> usize {
        match self.object {
            Object::Group(group) => 4 + usize::from(group.offset_size()) + 4,
            Object::Dataset(dataset) => dataset.vlen_reference_size(),
        }
    }

    fn resolve(&self, reference: &[u8]) -> Result<Vec<u8>, Problem> {
        match self.object {
            Object::Group(group) => group.resolve_vlen_reference_bytes(reference, 1),
            Object::Dataset(dataset) => dataset.resolve_vlen_reference_bytes(reference, 1),
        }
        .map_err(|e| problem(&e))
    }
}
