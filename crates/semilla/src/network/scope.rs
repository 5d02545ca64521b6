//! What names stand for while a network is built.

use std::collections::BTreeMap;

use super::draft::Flow;
use crate::formula::{Names, Problem, Value};
use crate::suggest::did_you_mean;

/// Values by name, and those of the scope around.
#[derive(Default)]
pub(super) struct Scope<'a> {
    around: Option<&'a Scope<'a>>,
    values: BTreeMap<String, Value>,
}

impl<'a> Scope<'a> {
    /// A scope within this one.
    pub(super) fn inner(&'a self) -> Scope<'a> {
        Scope {
            around: Some(self),
            values: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, name: impl Into<String>, value: Value) {
        self.values.insert(name.into(), value);
    }

    fn find(&self, name: &str) -> Option<&Value> {
        let own = self.values.get(name);
        own.or_else(|| self.around.and_then(|around| around.find(name)))
    }

    fn known(&self) -> Vec<&str> {
        let mut known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        known.extend(self.around.map(Scope::known).unwrap_or_default());
        known
    }
}

impl Names for Scope<'_> {
    fn value(&self, name: &str) -> Result<Value, Problem> {
        self.find(name).cloned().ok_or_else(|| {
            let hint = did_you_mean(name, self.known().into_iter());
            Problem::other(format!("nothing is called {name:?}{hint}"))
        })
    }
}

/// A scope in which `x.features` and its like are sizes of the value that comes in.
pub(super) struct At<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) x: &'a Flow,
}

impl Names for At<'_> {
    fn value(&self, name: &str) -> Result<Value, Problem> {
        let Some(size) = name.strip_prefix("x.") else {
            return self.scope.value(name);
        };
        let sizes = &self.x.sizes;
        let place = match size {
            "channels" | "length" => 0,
            "height" => 1,
            "width" => 2,
            "features" => sizes.len().wrapping_sub(1),
            _ => {
                return Err(Problem::other(format!(
                    "{name:?} is no size; there are x.channels, x.height, x.width, x.length and \
                     x.features"
                )));
            }
        };
        let found = sizes.get(place).copied();
        let found = found.ok_or_else(|| {
            Problem::other(format!(
                "{name} is not there in a value of {}",
                self.x.shape()
            ))
        });
        Ok(Value::Number(found? as f64))
    }
}
