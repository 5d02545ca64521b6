//! Values of configurations.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of a configuration, as JSON has them. Copies share what they hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// Values by their names.
    Table(Arc<BTreeMap<String, Value>>),
}

impl Value {
    /// Whether a condition holds, as in Python: nothing, false, 0 and what is empty does not.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Number(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Table(table) => !table.is_empty(),
        }
    }

    pub(crate) fn text(text: &str) -> Self {
        Value::Text(text.into())
    }

    /// The value of a table's entry.
    pub(crate) fn entry(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Table(table) => table.get(name),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a list, or the value itself as the only one.
    pub(crate) fn each(&self) -> &[Value] {
        match self {
            Value::List(list) => list,
            one => std::slice::from_ref(one),
        }
    }
}

impl fmt::Display for Value {
    /// As JSON has it, shortened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::Text(text) => write!(f, "{:?}", text.chars().take(80).collect::<String>()),
            Value::List(list) => write!(f, "a list of {}", list.len()),
            Value::Table(table) => write!(f, "a table of {}", table.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a configuration")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Number(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Value::List(list.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut table = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if table.contains_key(&name) {
                        return Err(de::Error::custom(format!("{name:?} occurs twice")));
                    }
                    table.insert(name, value);
                }
                Ok(Value::Table(Arc::new(table)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
