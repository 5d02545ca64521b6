//! The meaning of names in a family's expressions.

use std::cell::RefCell;

use super::lineage::Lineage;
use crate::formula::{Expression, Names, Problem, Value};

/// `config.field` is the field itself, whatever `let`s there are of its name.
const CONFIG: &str = "config";
/// More definitions than refer to each other in any family.
const DEEPEST: usize = 64;

/// Names stand for, the first that there is: a loop's variable or an argument, a `let` of the
/// family, a field of the configuration, the library's default for it.
pub(super) struct Scope {
    pub(super) lineage: Lineage,
    config: Value,
    locals: Vec<(String, Value)>,
    /// The `let`s that are being evaluated, with the generation that each is of: within its own
    /// definition a name means what it means without it.
    within: RefCell<Vec<(String, usize)>>,
}

impl Scope {
    pub(super) fn new(lineage: Lineage, config: Value) -> Self {
        Self {
            lineage,
            config,
            locals: Vec::new(),
            within: RefCell::default(),
        }
    }

    /// The same with more names.
    pub(super) fn with(&self, names: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self {
            lineage: self.lineage.clone(),
            config: self.config.clone(),
            locals: self.locals.iter().cloned().chain(names).collect(),
            within: RefCell::default(),
        }
    }

    /// The configuration's own value of a field, or the library's default.
    pub(super) fn field(&self, name: &str) -> Result<Value, Problem> {
        let field = self.lineage.field(name);
        let aliases = field.iter().flat_map(|field| &field.aliases);
        let names = std::iter::once(name).chain(aliases.map(String::as_str));
        if let Some(found) = names.into_iter().find_map(|name| self.config.entry(name)) {
            return Ok(found.clone());
        }
        match field {
            Some(field) => field.default.value(self),
            None => Err(Problem::Missing(name.to_owned())),
        }
    }

    fn local(&self, name: &str) -> Option<&Value> {
        let mut all = self.locals.iter().rev();
        all.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn defined(&self, name: &str) -> Option<(usize, &'static Expression)> {
        let within = self.within.borrow();
        let own = within.iter().rev().find(|(known, _)| known == name);
        let from = own.map_or(0, |(_, generation)| generation + 1);
        self.lineage.definition(name, from)
    }
}

impl Names for Scope {
    fn value(&self, name: &str) -> Result<Value, Problem> {
        let (first, entries) = name.split_once('.').unwrap_or((name, ""));
        if first == CONFIG {
            let (field, entries) = entries.split_once('.').unwrap_or((entries, ""));
            return Ok(within(self.field(field)?, entries));
        }
        let value = if let Some(value) = self.local(first) {
            value.clone()
        } else if let Some((generation, definition)) = self.defined(first) {
            if self.within.borrow().len() > DEEPEST {
                return Err(Problem::other(format!("{first} is defined by itself")));
            }
            self.within
                .borrow_mut()
                .push((first.to_owned(), generation));
            let value = definition.value(self);
            self.within.borrow_mut().pop();
            value?
        } else {
            self.field(first)?
        };
        Ok(within(value, entries))
    }
}

/// An entry of tables. What a table within the configuration leaves out is nothing.
fn within(value: Value, entries: &str) -> Value {
    let entries = entries.split('.').filter(|entry| !entry.is_empty());
    entries.fold(value, |value, entry| {
        value.entry(entry).cloned().unwrap_or_default()
    })
}
