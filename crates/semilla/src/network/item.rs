//! Values of a TOML text, each with its line.

use toml::de::{DeTable, DeValue};

use super::error::NetworkError;
use super::line;
use super::syntax::Name;
use crate::formula::{Expression, Mistake, Value};
use crate::suggest::did_you_mean;

/// A mistake on a line.
pub(super) fn at(line: usize, mistake: &Mistake) -> NetworkError {
    NetworkError::text(line, mistake.problem())
}

/// Where lines begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|&start| start <= byte).max(1)
    }
}

/// A value and its line.
pub(super) struct Item<'a> {
    pub(super) value: DeValue<'a>,
    pub(super) line: usize,
    lines: &'a Lines,
}

impl<'a> Item<'a> {
    pub(super) fn wrong(&self, problem: impl Into<String>) -> NetworkError {
        NetworkError::text(self.line, problem)
    }

    pub(super) fn text(&self) -> Result<&str, NetworkError> {
        let text = self.value.as_str();
        text.ok_or_else(|| self.wrong(format!("expected a text, found {}", self.kind())))
    }

    pub(super) fn kind(&self) -> &'static str {
        self.value.type_str()
    }

    pub(super) fn table(self, what: &'static str) -> Result<Table<'a>, NetworkError> {
        let kind = self.kind();
        match self.value {
            DeValue::Table(table) => Ok(Table::new(table, self.lines, self.line, what)),
            _ => Err(NetworkError::text(
                self.line,
                format!("expected a table, found {kind}"),
            )),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Item<'a>>, NetworkError> {
        let kind = self.kind();
        match self.value {
            DeValue::Array(list) => {
                let item = |entry: toml::Spanned<DeValue<'a>>| Item {
                    line: self.lines.at(entry.span().start),
                    value: entry.into_inner(),
                    lines: self.lines,
                };
                Ok(list.into_iter().map(item).collect())
            }
            _ => Err(NetworkError::text(
                self.line,
                format!("expected a list, found {kind}"),
            )),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match &self.value {
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                i64::from_str_radix(&digits, number.radix())
                    .ok()
                    .map(|number| number as f64)
            }
            DeValue::Float(number) => number
                .as_str()
                .replace('_', "")
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// A plain value: texts are texts.
    pub(super) fn value(self) -> Result<Value, NetworkError> {
        if let Some(number) = self.number() {
            return Ok(Value::Number(number));
        }
        match &self.value {
            DeValue::Boolean(value) => Ok(Value::Bool(*value)),
            DeValue::String(text) => Ok(Value::text(text)),
            DeValue::Array(_) => {
                let list: Result<Vec<Value>, NetworkError> =
                    self.list()?.into_iter().map(Item::value).collect();
                Ok(Value::List(list?.into()))
            }
            _ => Err(self.wrong(format!(
                "expected a number, true, false, a text or a list, found {}",
                self.kind()
            ))),
        }
    }

    /// A formula: texts are read as formulas.
    pub(super) fn formula(self) -> Result<Expression, NetworkError> {
        match &self.value {
            DeValue::String(text) => line::formula(text).map_err(|mistake| at(self.line, &mistake)),
            DeValue::Array(_) => {
                let list: Result<Vec<Expression>, NetworkError> =
                    self.list()?.into_iter().map(Item::formula).collect();
                Ok(Expression::List(list?))
            }
            _ => Ok(Expression::Value(self.value()?)),
        }
    }

    pub(super) fn name(&self) -> Result<Name, NetworkError> {
        line::name(self.text()?).map_err(|mistake| at(self.line, &mistake))
    }
}

/// A table whose entries are taken one by one.
pub(super) struct Table<'a> {
    /// In the order of the text.
    entries: Vec<(String, Item<'a>)>,
    pub(super) line: usize,
    /// What the table is, in errors.
    what: &'static str,
    /// Names that were asked for.
    known: Vec<&'static str>,
    lines: &'a Lines,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        table: DeTable<'a>,
        lines: &'a Lines,
        line: usize,
        what: &'static str,
    ) -> Self {
        let mut entries: Vec<(usize, String, Item<'a>)> = table
            .into_iter()
            .map(|(key, value)| {
                let start = key.span().start;
                let item = Item {
                    line: lines.at(start),
                    value: value.into_inner(),
                    lines,
                };
                (start, key.into_inner().into_owned(), item)
            })
            .collect();
        entries.sort_by_key(|(start, ..)| *start);
        let entries = entries.into_iter();
        Self {
            entries: entries.map(|(_, key, item)| (key, item)).collect(),
            line,
            what,
            known: Vec::new(),
            lines,
        }
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        self.known.push(name);
        let place = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.remove(place).1)
    }

    /// A table within; an empty one if it is not there.
    pub(super) fn table(&mut self, name: &'static str) -> Result<Table<'a>, NetworkError> {
        match self.take(name) {
            Some(item) => item.table(name),
            None => Ok(Table::new(DeTable::new(), self.lines, self.line, name)),
        }
    }

    pub(super) fn formula(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Expression>, NetworkError> {
        self.take(name).map(Item::formula).transpose()
    }

    pub(super) fn rest(self) -> Vec<(String, Item<'a>)> {
        self.entries
    }

    pub(super) fn finish(self) -> Result<(), NetworkError> {
        match self.entries.first() {
            None => Ok(()),
            Some((name, item)) => Err(item.wrong(format!(
                "{} has no {name:?}{}",
                self.what,
                did_you_mean(name, self.known.iter().copied())
            ))),
        }
    }
}
