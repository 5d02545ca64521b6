//! Layers that are written as texts and tables.

use toml::de::DeValue;

use super::attention::SETTINGS;
use super::error::NetworkError;
use super::item::{Item, Table, at};
use super::line;
use super::syntax::{Attention, Join, Operands, Repeat, Step, What};
use crate::formula::Expression;

/// Tables within tables.
const DEEPEST: usize = 40;

/// A list of layers.
pub(super) fn steps(list: Item<'_>, depth: usize) -> Result<Vec<Step>, NetworkError> {
    let mut steps = Vec::new();
    for item in list.list()? {
        match &item.value {
            DeValue::String(text) => {
                let read = line::steps(text, item.line);
                steps.extend(read.map_err(|mistake| at(item.line, &mistake))?);
            }
            DeValue::Table(_) => steps.push(step(item.table("a layer")?, depth + 1)?),
            _ => {
                return Err(item.wrong(format!(
                    "expected a layer, as a text or a table, found {}",
                    item.kind()
                )));
            }
        }
    }
    Ok(steps)
}

/// A list of lists of layers.
fn branches(list: Item<'_>, depth: usize) -> Result<Vec<Vec<Step>>, NetworkError> {
    let line = list.line;
    let branches = list.list()?.into_iter().map(|item| steps(item, depth));
    let branches: Vec<Vec<Step>> = branches.collect::<Result<_, _>>()?;
    match branches.len() < 2 {
        true => Err(NetworkError::text(
            line,
            "branches are at least two lists of layers",
        )),
        false => Ok(branches),
    }
}

/// The layers under a name.
fn layers(
    table: &mut Table<'_>,
    name: &'static str,
    depth: usize,
) -> Result<Option<Vec<Step>>, NetworkError> {
    table.take(name).map(|item| steps(item, depth)).transpose()
}

/// A step that is written as a table.
fn step(mut table: Table<'_>, depth: usize) -> Result<Step, NetworkError> {
    let line = table.line;
    if depth > DEEPEST {
        return Err(NetworkError::text(
            line,
            format!("layers nest more than {DEEPEST} deep"),
        ));
    }
    let name = table.take("name").map(|item| item.name()).transpose()?;
    let condition = table.formula("if")?;
    let count = table.formula("repeat")?;
    let index = match table.take("index") {
        Some(item) => item.text()?.to_owned(),
        None => "i".to_owned(),
    };
    let repeat = count.map(|count| Repeat { count, index });
    let mut found = Vec::new();
    if let Some(layers) = layers(&mut table, "layers", depth)? {
        found.push(What::Chain(layers));
    }
    if let Some(branch) = layers(&mut table, "residual", depth)? {
        found.push(What::Residual {
            branch,
            shortcut: layers(&mut table, "shortcut", depth)?.unwrap_or_default(),
            scale: table.formula("scale")?,
        });
    }
    for (name, by) in [("add", Join::Add), ("multiply", Join::Multiply)] {
        if let Some(item) = table.take(name) {
            let branches = branches(item, depth)?;
            found.push(What::Join { by, branches });
        }
    }
    if let Some(item) = table.take("concat") {
        let branches = branches(item, depth)?;
        let by = Join::Concat(table.formula("axis")?);
        found.push(What::Join { by, branches });
    }
    if let Some(heads) = table.formula("attention")? {
        let attention = attention(heads, &mut table, depth)?;
        found.push(What::Attention(Box::new(attention)));
    }
    if let Some(layers) = layers(&mut table, "aside", depth)? {
        found.push(What::Aside(layers));
    }
    table.finish()?;
    match (found.pop(), found.is_empty()) {
        (Some(what), true) => Ok(Step {
            line,
            name,
            repeat,
            condition,
            what,
        }),
        _ => Err(NetworkError::text(
            line,
            "a table has one of layers, residual, add, multiply, concat, attention, aside",
        )),
    }
}

fn attention(
    heads: Expression,
    table: &mut Table<'_>,
    depth: usize,
) -> Result<Attention, NetworkError> {
    let fused = layers(table, "qkv", depth)?;
    let mut part = |name| layers(table, name, depth);
    let apart = (part("query")?, part("key")?, part("value")?);
    let operands = match (fused, apart) {
        (Some(fused), (None, None, None)) => Operands::Fused(fused),
        (None, (Some(query), Some(key), Some(value))) => Operands::Apart([query, key, value]),
        _ => {
            return Err(NetworkError::text(
                table.line,
                "attention takes qkv = [...], or query, key and value",
            ));
        }
    };
    let bias = layers(table, "bias", depth)?;
    let mut settings = Vec::new();
    for &name in SETTINGS {
        settings.extend(table.formula(name)?.map(|value| (name.to_owned(), value)));
    }
    Ok(Attention {
        heads,
        operands,
        bias,
        settings,
    })
}
