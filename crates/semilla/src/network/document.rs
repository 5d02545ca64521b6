//! From TOML to a description.

use toml::de::DeTable;

use super::error::NetworkError;
use super::item::{Item, Lines, Table, at};
use super::line;
use super::steps::steps;
use super::syntax::{Block, Document, Input, Let, Places};
use crate::formula::{Expression, Value};

impl Document {
    /// Reads a description.
    pub(super) fn read(text: &str) -> Result<Self, NetworkError> {
        let lines = Lines::of(text);
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            NetworkError::text(lines.at(at), error.message())
        })?;
        let mut top = Table::new(table.into_inner(), &lines, 1, "a network");
        let document = Document {
            about: text_of(&mut top, "about")?.unwrap_or_default(),
            usage: text_of(&mut top, "usage")?,
            parameters: each(top.table("parameters")?, parameter)?,
            presets: each(top.table("sizes")?, |name, size| {
                Ok((name, each(size.table("a size")?, parameter)?))
            })?,
            widths: each(top.table("widths")?, |name, value| {
                Ok((name, places(value)?))
            })?,
            lets: each(top.table("let")?, definition)?,
            requires: each(top.table("requires")?, requirement)?,
            inputs: each(top.table("inputs")?, input)?,
            blocks: each(top.table("blocks")?, block)?,
            layers: Vec::new(),
        };
        let mut network = top.table("network")?;
        let line = network.line;
        let layers = network.take("layers");
        network.finish()?;
        top.finish()?;
        let missing = |what: &str| NetworkError::text(line, format!("a network needs {what}"));
        let layers = layers.ok_or_else(|| missing("its layers: [network] with layers = [...]"))?;
        let layers = steps(layers, 0)?;
        match document.inputs.is_empty() {
            true => Err(missing(
                "an input: [inputs] with x = \"numbers(3, 32, 32)\"",
            )),
            false => Ok(Document { layers, ..document }),
        }
    }
}

/// The entries of a table, in the order of the text.
fn each<T>(
    table: Table<'_>,
    read: impl Fn(String, Item<'_>) -> Result<T, NetworkError>,
) -> Result<Vec<T>, NetworkError> {
    let entries = table.rest().into_iter();
    entries.map(|(name, item)| read(name, item)).collect()
}

fn text_of(table: &mut Table<'_>, name: &'static str) -> Result<Option<String>, NetworkError> {
    let item = table.take(name);
    item.map(|item| item.text().map(str::to_owned)).transpose()
}

fn parameter(name: String, value: Item<'_>) -> Result<(String, Value), NetworkError> {
    Ok((name, value.value()?))
}

fn definition(name: String, value: Item<'_>) -> Result<Let, NetworkError> {
    Ok(Let {
        line: value.line,
        name,
        value: value.formula()?,
    })
}

/// A condition, and what to say where it does not hold.
fn requirement(
    condition: String,
    otherwise: Item<'_>,
) -> Result<(Expression, String), NetworkError> {
    let read = line::formula(&condition);
    let condition = read.map_err(|mistake| at(otherwise.line, &mistake))?;
    Ok((condition, otherwise.text()?.to_owned()))
}

fn block(signature: String, layers: Item<'_>) -> Result<Block, NetworkError> {
    let read = line::signature(&signature);
    let (name, parameters) = read.map_err(|mistake| at(layers.line, &mistake))?;
    Ok(Block {
        name,
        parameters,
        layers: steps(layers, 0)?,
    })
}

/// `[1, 1]`: all entries but the first and the last; `true`: the value itself.
fn places(value: Item<'_>) -> Result<Places, NetworkError> {
    let line = value.line;
    match value.value()? {
        Value::Bool(true) => return Ok(Places::default()),
        Value::List(list) => {
            if let [Value::Number(start), Value::Number(end)] = *list
                && start >= 0.0
                && end >= 0.0
            {
                return Ok(Places {
                    kept_at_start: start as usize,
                    kept_at_end: end as usize,
                });
            }
        }
        _ => {}
    }
    Err(NetworkError::text(
        line,
        "write true, or how many entries at both ends of the list are no widths, such as [1, 1]",
    ))
}

fn input(name: String, value: Item<'_>) -> Result<Input, NetworkError> {
    let read = line::input(value.text()?).map_err(|mistake| at(value.line, &mistake));
    let (kind, sizes) = read?;
    let is_words = match &*kind {
        "numbers" => false,
        "words" => true,
        other => {
            return Err(value.wrong(format!(
                "an input is numbers(SIZE, ...) or words(SIZE, ...), not {other:?}"
            )));
        }
    };
    Ok(Input {
        line: value.line,
        name,
        is_words,
        sizes,
    })
}
