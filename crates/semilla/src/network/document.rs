//! From TOML to a description.

use toml::de::{DeTable, DeValue};

use super::error::NetworkError;
use super::line;
use super::syntax::{
    Attention, Block, Document, Input, Join, Let, Name, Operands, Repeat, Step, What,
};
use crate::formula::{Expression, Mistake, Value};
use crate::suggest::did_you_mean;

/// Tables within tables.
const DEEPEST: usize = 40;

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
                layers: layers.steps(0)?,
            });
        }
        let mut network = top.table("network")?;
        let line = network.line;
        let layers = network.take("layers");
        network.finish()?;
        top.finish()?;
        let missing = |what: &str| NetworkError::text(line, format!("a network needs {what}"));
        document.layers = layers
            .ok_or_else(|| missing("its layers: [network] with layers = [...]"))?
            .steps(0)?;
        match document.inputs.is_empty() {
            true => Err(missing(
                "an input: [inputs] with x = \"numbers(3, 32, 32)\"",
            )),
            false => Ok(document),
        }
    }
}

fn at(line: usize, mistake: &Mistake) -> NetworkError {
    NetworkError::text(line, mistake.problem())
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

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|&start| start <= byte).max(1)
    }
}

/// A value and its line.
struct Item<'a> {
    value: DeValue<'a>,
    line: usize,
    lines: &'a Lines,
}

impl<'a> Item<'a> {
    fn wrong(&self, problem: impl Into<String>) -> NetworkError {
        NetworkError::text(self.line, problem)
    }

    fn text(&self) -> Result<&str, NetworkError> {
        let text = self.value.as_str();
        text.ok_or_else(|| self.wrong(format!("expected a text, found {}", self.kind())))
    }

    fn kind(&self) -> &'static str {
        self.value.type_str()
    }

    fn table(self, what: &'static str) -> Result<Table<'a>, NetworkError> {
        let kind = self.kind();
        match self.value {
            DeValue::Table(table) => Ok(Table::new(table, self.lines, self.line, what)),
            _ => Err(NetworkError::text(
                self.line,
                format!("expected a table, found {kind}"),
            )),
        }
    }

    fn list(self) -> Result<Vec<Item<'a>>, NetworkError> {
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

    fn number(&self) -> Option<f64> {
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
    fn value(self) -> Result<Value, NetworkError> {
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
    fn formula(self) -> Result<Expression, NetworkError> {
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

    fn name(&self) -> Result<Name, NetworkError> {
        line::name(self.text()?).map_err(|mistake| at(self.line, &mistake))
    }

    /// A list of layers.
    fn steps(self, depth: usize) -> Result<Vec<Step>, NetworkError> {
        let mut steps = Vec::new();
        for item in self.list()? {
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
    fn branches(self, depth: usize) -> Result<Vec<Vec<Step>>, NetworkError> {
        let line = self.line;
        let branches = self.list()?.into_iter().map(|item| item.steps(depth));
        let branches: Vec<Vec<Step>> = branches.collect::<Result<_, _>>()?;
        match branches.len() < 2 {
            true => Err(NetworkError::text(
                line,
                "branches are at least two lists of layers",
            )),
            false => Ok(branches),
        }
    }
}

/// A table whose entries are taken one by one.
struct Table<'a> {
    /// In the order of the text.
    entries: Vec<(String, Item<'a>)>,
    line: usize,
    /// What the table is, in errors.
    what: &'static str,
    /// Names that were asked for.
    known: Vec<&'static str>,
    lines: &'a Lines,
}

impl<'a> Table<'a> {
    fn new(table: DeTable<'a>, lines: &'a Lines, line: usize, what: &'static str) -> Self {
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

    fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        self.known.push(name);
        let place = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.remove(place).1)
    }

    /// A table within; an empty one if it is not there.
    fn table(&mut self, name: &'static str) -> Result<Table<'a>, NetworkError> {
        match self.take(name) {
            Some(item) => item.table(name),
            None => Ok(Table::new(DeTable::new(), self.lines, self.line, name)),
        }
    }

    fn formula(&mut self, name: &'static str) -> Result<Option<Expression>, NetworkError> {
        self.take(name).map(Item::formula).transpose()
    }

    fn steps(
        &mut self,
        name: &'static str,
        depth: usize,
    ) -> Result<Option<Vec<Step>>, NetworkError> {
        self.take(name).map(|item| item.steps(depth)).transpose()
    }

    fn rest(self) -> Vec<(String, Item<'a>)> {
        self.entries
    }

    fn finish(self) -> Result<(), NetworkError> {
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
    if let Some(layers) = table.steps("layers", depth)? {
        found.push(What::Chain(layers));
    }
    if let Some(branch) = table.steps("residual", depth)? {
        found.push(What::Residual {
            branch,
            shortcut: table.steps("shortcut", depth)?.unwrap_or_default(),
            scale: table.formula("scale")?,
        });
    }
    for (name, by) in [("add", Join::Add), ("multiply", Join::Multiply)] {
        if let Some(item) = table.take(name) {
            let branches = item.branches(depth)?;
            found.push(What::Join { by, branches });
        }
    }
    if let Some(item) = table.take("concat") {
        let branches = item.branches(depth)?;
        let by = Join::Concat(table.formula("axis")?);
        found.push(What::Join { by, branches });
    }
    if let Some(heads) = table.formula("attention")? {
        let attention = attention(heads, &mut table, depth)?;
        found.push(What::Attention(Box::new(attention)));
    }
    if let Some(layers) = table.steps("aside", depth)? {
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
    let fused = table.steps("qkv", depth)?;
    let mut part = |name| table.steps(name, depth);
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
    let bias = table.steps("bias", depth)?;
    let mut settings = Vec::new();
    for &name in super::attention::SETTINGS {
        settings.extend(table.formula(name)?.map(|value| (name.to_owned(), value)));
    }
    Ok(Attention {
        heads,
        operands,
        bias,
        settings,
    })
}
