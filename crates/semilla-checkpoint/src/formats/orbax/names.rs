//! The list of a checkpoint's leaves: the way to each through the tree of objects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The name of the list.
pub(super) const LIST: &str = "_METADATA";

/// What the list says.
#[derive(Default)]
pub(super) struct Names {
    /// For the folder of each array the way to it.
    pub(super) of_folders: BTreeMap<String, String>,
    /// Whether zeros are stored as all else is.
    pub(super) are_zeros_stored: bool,
}

#[derive(Deserialize)]
struct List {
    tree_metadata: BTreeMap<String, Leaf>,
    #[serde(default)]
    store_array_data_equal_to_fill_value: bool,
}

#[derive(Deserialize)]
struct Leaf {
    key_metadata: Vec<Key>,
    value_metadata: OfValue,
}

#[derive(Deserialize)]
struct Key {
    key: Value,
}

#[derive(Deserialize)]
struct OfValue {
    #[serde(default)]
    value_type: String,
}

impl Names {
    /// Reads the list.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let list: List = serde_json::from_slice(json)?;
        let is_array = |leaf: &Leaf| {
            let kind = leaf.value_metadata.value_type.as_str();
            ["jax.Array", "np.ndarray", "scalar"].contains(&kind)
        };
        let arrays = list.tree_metadata.into_values().filter(is_array);
        let of_folders = arrays.map(|leaf| {
            let keys = leaf.key_metadata.iter().map(|part| match &part.key {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let keys: Vec<String> = keys.collect();
            (keys.join("."), keys.join("/"))
        });
        Ok(Self {
            of_folders: of_folders.collect(),
            are_zeros_stored: list.store_array_data_equal_to_fill_value,
        })
    }
}
