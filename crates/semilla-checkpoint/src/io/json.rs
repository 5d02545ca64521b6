//! JSON objects as lists of entries, so that a repeated key is seen and a flood is stopped.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::malformed::Malformed;
use crate::quoted::Quoted;
use crate::tensor::{MAX_DIMS, METADATA_KEY};
use crate::{Limits, Metadata};

/// Parses `json` with the seed, to its end.
pub(crate) fn parse<'de, S: DeserializeSeed<'de>>(
    json: &'de [u8],
    limits: &Limits,
    seed: S,
) -> Result<S::Value, Malformed> {
    if json.len() as u64 > limits.header_bytes {
        return Err(Malformed::TooLong {
            bytes: json.len() as u64,
            limit: limits.header_bytes,
        });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Malformed::Json(Quoted::new(&error.to_string())))
}

/// An object whose values are all of type `T`: its entries in the file's order, at most `limit`.
pub(crate) struct Object<T> {
    limit: usize,
    value: PhantomData<T>,
}

impl<T> Object<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            value: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Object<T> {
    type Value = Vec<(String, T)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            check_count(entries.len(), self.limit)?;
            entries.push((key, map.next_value()?));
        }
        Ok(entries)
    }
}

/// The same, or `null` for no entries.
struct Nullable<T>(Object<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Nullable<T> {
    type Value = Vec<(String, T)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Nullable<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer)
    }
}

fn check_count<E: serde::de::Error>(count: usize, limit: usize) -> Result<(), E> {
    if count < limit {
        return Ok(());
    }
    Err(E::custom(format_args!(
        "more entries than the limit of {limit}"
    )))
}

/// Tensors by name, with the metadata among them.
pub(crate) struct Document<T> {
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Vec<(String, T)>,
}

/// Reads a [`Document`].
pub(crate) struct DocumentSeed<'a, T> {
    limits: &'a Limits,
    value: PhantomData<T>,
}

impl<'a, T> DocumentSeed<'a, T> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            value: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for DocumentSeed<'_, T> {
    type Value = Document<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for DocumentSeed<'_, T> {
    type Value = Document<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one entry per tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = None;
        let mut tensors = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key != METADATA_KEY {
                check_count(tensors.len(), self.limits.tensors)?;
                tensors.push((key, map.next_value()?));
            } else if metadata.is_some() {
                return Err(A::Error::duplicate_field(METADATA_KEY));
            } else {
                let entries = map.next_value_seed(Nullable(Object::new(self.limits.metadata)))?;
                metadata = Some(unique(entries)?);
            }
        }
        Ok(Document {
            metadata: metadata.unwrap_or_default(),
            tensors,
        })
    }
}

fn unique<E: serde::de::Error>(entries: Vec<(String, String)>) -> Result<Metadata, E> {
    let mut metadata = Metadata::new();
    for (key, value) in entries {
        if metadata.contains_key(&key) {
            return Err(E::custom(format_args!(
                "the metadata key {key:?} occurs twice"
            )));
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}

/// An object of which one member counts, an object of texts or lists of texts; it must be there,
/// once.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    /// Texts, in all lists together.
    pub(crate) limit: usize,
}

impl<'de> DeserializeSeed<'de> for Member {
    type Value = Vec<(String, Vec<String>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member {
    type Value = Vec<(String, Vec<String>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut member = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != self.name {
                map.next_value::<IgnoredAny>()?;
            } else if member.is_some() {
                return Err(A::Error::duplicate_field(self.name));
            } else {
                member = Some(map.next_value_seed(Lists { limit: self.limit })?);
            }
        }
        member.ok_or_else(|| A::Error::missing_field(self.name))
    }
}

/// An object of texts or lists of texts: its entries in the file's order.
struct Lists {
    limit: usize,
}

impl<'de> DeserializeSeed<'de> for Lists {
    type Value = Vec<(String, Vec<String>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Lists {
    type Value = Vec<(String, Vec<String>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let mut count = 0;
        while let Some(key) = map.next_key()? {
            let list = List {
                limit: self.limit,
                count: &mut count,
            };
            entries.push((key, map.next_value_seed(list)?));
        }
        Ok(entries)
    }
}

/// A text, or a list of at least one.
struct List<'a> {
    limit: usize,
    /// How many there were before.
    count: &'a mut usize,
}

impl List<'_> {
    fn push<E: serde::de::Error>(&mut self, list: &mut Vec<String>, text: String) -> Result<(), E> {
        check_count(*self.count, self.limit)?;
        *self.count += 1;
        list.push(text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file's name, or a list of such")
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Self::Value, E> {
        let mut list = Vec::with_capacity(1);
        self.push(&mut list, text.to_owned())?;
        Ok(list)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(text) = seq.next_element()? {
            self.push(&mut list, text)?;
        }
        match list.is_empty() {
            true => Err(A::Error::invalid_length(0, &self)),
            false => Ok(list),
        }
    }
}

/// A shape of at most [`MAX_DIMS`] dimensions.
pub(crate) struct Shape(pub(crate) Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dims;

        impl<'de> Visitor<'de> for Dims {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a shape: a list of non-negative integers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = [0; MAX_DIMS];
                let mut rank = 0;
                while let Some(dim) = seq.next_element()? {
                    let Some(place) = dims.get_mut(rank) else {
                        return Err(A::Error::custom(format_args!(
                            "a shape with more than {MAX_DIMS} dimensions"
                        )));
                    };
                    *place = dim;
                    rank += 1;
                }
                Ok(Shape(dims[..rank].to_vec()))
            }
        }

        deserializer.deserialize_seq(Dims)
    }
}
