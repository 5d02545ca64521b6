//! From TOML to a description.

use toml::de::DeTable;

use super::error::NetworkError;
use super::item::{Item, Lines, Table, at};
use super::line;
use super::steps::steps;
use super::syntax::{Block, Document, Input, Let, Places};
use crate::formula::Value;

impl Document {
    /// Reads a description.
    pub(super) fn read(text: &str) -> Result<Self, NetworkError> {
        let lines = Lines::of(text);
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            NetworkError::text(lines.at(at), error.message())
        })?;
        let mut top = Table::new(table.into_inner(), &lines, 1, "a network");
        let mut document = Document::default();
        if let Some(about) = top.take("about") {
            document.about = about.text()?.to_owned();
        }
        if let Some(usage) = top.take("usage") {
            document.usage = Some(usage.text()?.to_owned());
        }
        for (name, value) in top.table("parameters")?.rest() {
            document.parameters.push((name, value.value()?));
        }
        for (name, preset) in top.table("sizes")?.rest() {
            let values = preset.table("a size")?.rest().into_iter();
            let values = values.map(|(name, value)| Ok((name, value.value()?)));
            let values: Result<Vec<_>, NetworkError> = values.collect();
            document.presets.push((name, values?));
        }
        for (name, value) in top.table("widths")?.rest() {
            document.widths.push((name, places(value)?));
        }
        for (name, value) in top.table("let")?.rest() {
            document.lets.push(Let {
                line: value.line,
                name,
                value: value.formula()?,
            });
        }
        for (condition, otherwise) in top.table("requires")?.rest() {
            let line = otherwise.line;
            let condition = line::formula(&condition).map_err(|mistake| at(line, &mistake))?;
            document
                .requires
                .push((condition, otherwise.text()?.to_owned()));
        }
        for (name, value) in top.table("inputs")?.rest() {
            document.inputs.push(input(name, &value)?);
        }
        for (signature, layers) in top.table("blocks")?.rest() {
            let line = layers.line;
            let read = line::signature(&signature).map_err(|mistake| at(line, &mistake))?;
            let (name, parameters) = read;
            document.blocks.push(Block {
                name,
                parameters,
                layers: steps(layers, 0)?,
            });
        }
        let mut network = top.table("network")?;
        let line = network.line;
        let layers = network.take("layers");
        network.finish()?;
        top.finish()?;
        let missing = |what: &str| NetworkError::text(line, format!("a network needs {what}"));
        let layers = layers.ok_or_else(|| missing("its layers: [network] with layers = [...]"))?;
        document.layers = steps(layers, 0)?;
        match document.inputs.is_empty() {
            true => Err(missing(
                "an input: [inputs] with x = \"numbers(3, 32, 32)\"",
            )),
            false => Ok(document),
        }
    }
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

fn input(name: String, value: &Item<'_>) -> Result<Input, NetworkError> {
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
