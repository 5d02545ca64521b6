//! Parts of the page that have changed.

use std::collections::BTreeMap;

use maud::Markup;

/// Parts of the page that have changed, by the ids of the elements that hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(BTreeMap<&'static str, String>);

impl Parts {
    pub(super) fn put(&mut self, id: &'static str, content: Markup) {
        self.0.insert(id, content.into_string());
    }

    /// What the element with this id holds now.
    pub fn get(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// They as JSON of one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}
