//! The graphs of a model: tensors that lie in the file, and the nodes that take them.

use semilla::DType;

use super::wire::{Span, Value, next_field, varint};
use crate::Limits;
use crate::io::window::{Fault, Window};
use crate::tensor::{MAX_DIMS, MAX_NAME_BYTES};

/// Graphs within graphs, deeper than any exporter writes.
const MAX_DEPTH: usize = 32;

/// What a model's file holds. Every graph comes after the one around it.
#[derive(Default)]
pub(super) struct Model {
    pub(super) graphs: Vec<Graph>,
    /// Tensors that are stored by their nonzero elements.
    pub(super) sparse: usize,
    /// Constants that are single numbers or texts, not tensors.
    pub(super) singles: usize,
    /// Keys and texts beside the graph.
    pub(super) properties: Vec<(String, String)>,
}

/// A graph: the model's own, a branch of an `If`, the body of a `Loop`, or of a function.
pub(super) struct Graph {
    /// The graph around it.
    pub(super) parent: Option<usize>,
    /// The node that has it, and under which attribute.
    pub(super) label: String,
    pub(super) nodes: Vec<Node>,
    pub(super) tensors: Vec<Tensor>,
}

/// A node, with the attributes that say what its weights' axes are.
#[derive(Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) inputs: Vec<String>,
    /// The first output.
    pub(super) output: String,
    pub(super) group: u64,
    /// The product of the strides.
    pub(super) stride: u64,
    pub(super) trans_b: bool,
    pub(super) axis: u64,
    /// The order in which a `Transpose` takes the axes; empty stands for the reverse one.
    pub(super) perm: Vec<u64>,
}

/// A tensor whose values are in the file or beside it.
#[derive(Default)]
pub(super) struct Tensor {
    /// Its own name, which a constant need not have.
    pub(super) name: String,
    /// The name under which nodes take it.
    pub(super) output: String,
    /// Whether it is a node's attribute and no initializer.
    pub(super) constant: bool,
    pub(super) dims: Vec<u64>,
    pub(super) data_type: u64,
    pub(super) data: Data,
}

/// Where values are.
#[derive(Default)]
pub(super) enum Data {
    #[default]
    Absent,
    /// As little-endian bytes.
    Raw(Span),
    /// As the repeated numbers of a message.
    Typed(Typed),
    /// In a file beside.
    External(External),
}

/// The numbers of a repeated field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed {
    pub(super) message: Span,
    pub(super) field: u64,
    pub(super) kind: Kind,
    pub(super) count: u64,
    /// The bytes, where they lie together.
    chunk: Option<Span>,
}

/// How one number of a repeated field is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F64,
    /// `int32_data`, which holds all shorter types too.
    I32,
    I64,
    U64,
}

/// What the file says of values that lie in another one.
#[derive(Default)]
pub(super) struct External {
    pub(super) location: String,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

impl Model {
    /// Reads the message that is the whole file.
    pub(super) fn read(window: &mut Window, limits: &Limits) -> Result<Self, Fault> {
        let mut rest = Span {
            start: 0,
            end: window.len(),
        };
        let mut parser = Parser {
            window,
            model: Model::default(),
            parts: limits.tensors,
            text: limits.header_bytes,
        };
        let mut found = false;
        while let Some((field, value)) = next_field(parser.window, &mut rest)? {
            match field {
                1 => {
                    let version = value.varint()?.to_string();
                    parser.property("ir_version".to_owned(), version);
                }
                2 | 3 => {
                    let text = parser.text(value)?;
                    let key = ["producer_name", "producer_version"][field as usize - 2];
                    parser.property(key.to_owned(), text);
                }
                7 if found => return Err(Fault::new("it has two graphs")),
                7 => {
                    found = true;
                    parser.graph(value.bytes()?, Graph::new(None, String::new()), 1)?;
                }
                14 => {
                    let (key, text) = parser.entry(value)?;
                    if parser.model.properties.len() > limits.metadata {
                        return Err(Fault::new(format!(
                            "it has more than {} entries of metadata",
                            limits.metadata
                        )));
                    }
                    parser.property(key, text);
                }
                25 => parser.function(value.bytes()?)?,
                _ => {}
            }
        }
        if !found {
            return Err(Fault::new(
                "it has no graph; the file is truncated or damaged",
            ));
        }
        Ok(parser.model)
    }
}

impl Graph {
    fn new(parent: Option<usize>, label: String) -> Self {
        Self {
            parent,
            label,
            nodes: Vec::new(),
            tensors: Vec::new(),
        }
    }
}

/// Reads messages while there is room for what they hold.
struct Parser<'w, 'f> {
    window: &'w mut Window<'f>,
    model: Model,
    /// How many more graphs, nodes, inputs and tensors may come.
    parts: usize,
    /// How many more bytes of text may come.
    text: u64,
}

impl Parser<'_, '_> {
    fn graph(&mut self, mut rest: Span, graph: Graph, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(format!(
                "its graphs are nested more than {MAX_DEPTH} deep"
            )));
        }
        self.count()?;
        let graph_index = self.model.graphs.len();
        self.model.graphs.push(graph);
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => self.node(value.bytes()?, graph_index, depth)?,
                5 => {
                    let mut tensor = self.tensor(value.bytes()?)?;
                    tensor.output = self.repeat(&tensor.name)?;
                    self.model.graphs[graph_index].tensors.push(tensor);
                }
                15 => self.model.sparse += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// The nodes of a function stand for themselves: they see no tensors of the graph that calls it.
    fn function(&mut self, mut rest: Span) -> Result<(), Fault> {
        self.count()?;
        let graph_index = self.model.graphs.len();
        self.model.graphs.push(Graph::new(None, String::new()));
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => self.model.graphs[graph_index].label = self.text(value)?,
                7 => self.node(value.bytes()?, graph_index, 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, mut rest: Span, graph: usize, depth: usize) -> Result<(), Fault> {
        self.count()?;
        let mut node = Node {
            group: 1,
            stride: 1,
            ..Node::default()
        };
        let mut attributes = Vec::new();
        let mut outputs = 0;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => {
                    self.count()?;
                    node.inputs.push(self.text(value)?);
                }
                2 => {
                    if outputs == 0 {
                        node.output = self.text(value)?;
                    }
                    outputs += 1;
                }
                3 => node.name = self.text(value)?,
                4 => node.op = self.text(value)?,
                5 => {
                    self.count()?;
                    attributes.push(value.bytes()?);
                }
                _ => {}
            }
        }
        for span in attributes {
            self.attribute(span, &mut node, graph, depth)?;
        }
        self.model.graphs[graph].nodes.push(node);
        Ok(())
    }

    fn attribute(
        &mut self,
        message: Span,
        node: &mut Node,
        graph: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        let name = self.attribute_name(message)?;
        let constant = node.op == "Constant";
        let (mut floats, mut ints) = (None, None);
        let mut rest = message;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match (field, name.as_str()) {
                (3, "group") => node.group = value.varint()?,
                (3, "transB") => node.trans_b = value.varint()? != 0,
                (3, "axis") => node.axis = value.varint()?,
                (5, "value") if constant => {
                    let mut tensor = self.tensor(value.bytes()?)?;
                    tensor.output = self.repeat(&node.output)?;
                    tensor.constant = true;
                    self.model.graphs[graph].tensors.push(tensor);
                }
                (22, "sparse_value") => self.model.sparse += 1,
                (2, "value_float") | (3, "value_int") | (4, "value_string") if constant => {
                    self.model.singles += 1;
                }
                (6 | 11, _) => {
                    let owner = if node.name.is_empty() {
                        &node.op
                    } else {
                        &node.name
                    };
                    let label = self.repeat(&format!("{owner}.{name}"))?;
                    self.graph(value.bytes()?, Graph::new(Some(graph), label), depth + 1)?;
                }
                (7, "value_floats") if constant => {
                    self.numbers(&mut floats, message, field, Kind::F32, value)?;
                }
                (8, "value_ints") if constant => {
                    self.numbers(&mut ints, message, field, Kind::I64, value)?;
                }
                (8, "strides") => {
                    self.integers(value, &mut |stride| {
                        node.stride = node.stride.saturating_mul(stride);
                        Ok(())
                    })?;
                }
                (8, "perm") => self.integers(value, &mut |axis| push_dim(&mut node.perm, axis))?,
                _ => {}
            }
        }
        for typed in [floats, ints].into_iter().flatten() {
            let tensor = Tensor {
                output: self.repeat(&node.output)?,
                constant: true,
                dims: vec![typed.count],
                data_type: if typed.kind == Kind::F32 { 1 } else { 7 },
                data: Data::Typed(typed),
                ..Tensor::default()
            };
            self.count()?;
            self.model.graphs[graph].tensors.push(tensor);
        }
        Ok(())
    }

    /// The name, which decides what the other fields are for.
    fn attribute_name(&mut self, mut rest: Span) -> Result<String, Fault> {
        let mut name = String::new();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            if field == 1 {
                name = self.text(value)?;
            }
        }
        Ok(name)
    }

    fn tensor(&mut self, message: Span) -> Result<Tensor, Fault> {
        self.count()?;
        let mut tensor = Tensor::default();
        let mut rest = message;
        let mut raw = None;
        let mut typed = None;
        let mut external = None;
        let mut is_external = false;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => self.integers(value, &mut |dim| push_dim(&mut tensor.dims, dim))?,
                2 => tensor.data_type = value.varint()?,
                3 => {
                    return Err(Fault::new(
                        "a tensor is stored in segments, which is not supported",
                    ));
                }
                4 => self.numbers(&mut typed, message, field, Kind::F32, value)?,
                5 => self.numbers(&mut typed, message, field, Kind::I32, value)?,
                7 => self.numbers(&mut typed, message, field, Kind::I64, value)?,
                8 => tensor.name = self.text(value)?,
                9 if raw.is_some() => return Err(Fault::new("a tensor has its values twice")),
                9 => raw = Some(value.bytes()?),
                10 => self.numbers(&mut typed, message, field, Kind::F64, value)?,
                11 => self.numbers(&mut typed, message, field, Kind::U64, value)?,
                13 => {
                    let entry = self.entry(value)?;
                    add_entry(external.get_or_insert_default(), entry)?;
                }
                14 => is_external = value.varint()? == 1,
                _ => {}
            }
        }
        tensor.data = match (raw, typed, external.filter(|_| is_external)) {
            (None, None, None) => Data::Absent,
            (Some(raw), None, None) => Data::Raw(raw),
            (None, Some(typed), None) => Data::Typed(typed),
            (None, None, Some(external)) => Data::External(external),
            _ => return Err(Fault::new("a tensor has its values twice")),
        };
        Ok(tensor)
    }

    /// Adds one element or a packed run to the numbers of a repeated field.
    fn numbers(
        &mut self,
        typed: &mut Option<Typed>,
        message: Span,
        field: u64,
        kind: Kind,
        value: Value,
    ) -> Result<(), Fault> {
        let whole = typed.is_none();
        let typed = typed.get_or_insert(Typed {
            message,
            field,
            kind,
            count: 0,
            chunk: None,
        });
        if typed.field != field {
            return Err(Fault::new("a tensor has its values twice"));
        }
        typed.count += self.count_numbers(kind, value)?;
        typed.chunk = match value {
            Value::Bytes(span) | Value::Fixed(span) if whole => Some(span),
            _ => None,
        };
        Ok(())
    }

    fn count_numbers(&mut self, kind: Kind, value: Value) -> Result<u64, Fault> {
        let size = kind.size();
        match (value, size) {
            (Value::Varint(_), None) => Ok(1),
            (Value::Fixed(span), Some(size)) if span.len() == size => Ok(1),
            (Value::Bytes(span), Some(size)) if span.len().is_multiple_of(size) => {
                Ok(span.len() / size)
            }
            (Value::Bytes(mut span), None) => {
                let mut count = 0;
                while span.start < span.end {
                    varint(self.window, &mut span)?;
                    count += 1;
                }
                Ok(count)
            }
            _ => Err(Fault::new(
                "a tensor's values are not stored as its type asks for",
            )),
        }
    }

    /// Hands on each integer of a repeated field, packed or not.
    fn integers(
        &mut self,
        value: Value,
        each: &mut dyn FnMut(u64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Value::Bytes(mut span) = value else {
            return each(value.varint()?);
        };
        while span.start < span.end {
            each(varint(self.window, &mut span)?)?;
        }
        Ok(())
    }

    /// A message of a key and a text.
    fn entry(&mut self, value: Value) -> Result<(String, String), Fault> {
        self.count()?;
        let (mut key, mut text) = Default::default();
        let mut rest = value.bytes()?;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => key = self.text(value)?,
                2 => text = self.text(value)?,
                _ => {}
            }
        }
        Ok((key, text))
    }

    fn text(&mut self, value: Value) -> Result<String, Fault> {
        let span = value.bytes()?;
        self.charge(span.len())?;
        let bytes = self.window.copy(span.start, span.len())?;
        String::from_utf8(bytes)
            .map_err(|_| Fault::new(format!("the text at byte {} is not UTF-8", span.start)))
    }

    /// A second copy of a text.
    fn repeat(&mut self, text: &str) -> Result<String, Fault> {
        self.charge(text.len() as u64)?;
        Ok(text.to_owned())
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Fault> {
        self.text = self.text.checked_sub(bytes).ok_or_else(|| {
            Fault::new("its names have more bytes together than the limit for a header")
        })?;
        Ok(())
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.parts = self.parts.checked_sub(1).ok_or_else(|| {
            Fault::new("it has more nodes and tensors than the limit for tensors")
        })?;
        Ok(())
    }

    fn property(&mut self, key: String, text: String) {
        self.model.properties.push((key, text));
    }
}

impl Kind {
    /// The bytes of a number, where it has always as many.
    fn size(self) -> Option<u64> {
        match self {
            Kind::F32 => Some(4),
            Kind::F64 => Some(8),
            Kind::I32 | Kind::I64 | Kind::U64 => None,
        }
    }
}

impl Kind {
    /// Whether numbers of this kind may be the values of a tensor of this type.
    pub(super) fn holds(self, dtype: DType) -> bool {
        match self {
            Kind::F32 => dtype == DType::F32,
            Kind::F64 => dtype == DType::F64,
            Kind::I64 => dtype == DType::I64,
            Kind::U64 => matches!(dtype, DType::U32 | DType::U64),
            Kind::I32 => dtype == DType::I32 || dtype.size() < 4,
        }
    }
}

fn push_dim(dims: &mut Vec<u64>, dim: u64) -> Result<(), Fault> {
    if dims.len() == MAX_DIMS {
        return Err(Fault::new(format!(
            "a tensor has more than {MAX_DIMS} dimensions"
        )));
    }
    dims.push(dim);
    Ok(())
}

/// Takes what one entry says of values in another file. A checksum is not checked.
fn add_entry(external: &mut External, (key, text): (String, String)) -> Result<(), Fault> {
    let number = || {
        text.parse()
            .map_err(|_| Fault::new(format!("the {key} of external data is not a number")))
    };
    match key.as_str() {
        "location" if text.len() > MAX_NAME_BYTES => {
            return Err(Fault::new("the location of external data is too long"));
        }
        "offset" => external.offset = number()?,
        "length" => external.length = Some(number()?),
        "location" => external.location = text,
        _ => {}
    }
    Ok(())
}

impl Typed {
    /// Floats that lie together, which are what they would be as raw bytes.
    pub(super) fn together(&self) -> Option<Span> {
        self.chunk.filter(|_| self.kind.size().is_some())
    }

    /// Hands on each number, an integer as its 64 bits and a float as its own.
    pub(super) fn each(&self, window: &mut Window, mut each: impl FnMut(u64)) -> Result<(), Fault> {
        let mut rest = self.message;
        while let Some((field, value)) = next_field(window, &mut rest)? {
            if field != self.field {
                continue;
            }
            match (value, self.kind.size()) {
                (Value::Varint(value), _) => each(value),
                (Value::Bytes(mut span), None) => {
                    while span.start < span.end {
                        each(varint(window, &mut span)?);
                    }
                }
                (Value::Bytes(span) | Value::Fixed(span), Some(size)) => {
                    for at in (span.start..span.end).step_by(size as usize) {
                        let mut bits = [0; 8];
                        bits[..size as usize].copy_from_slice(window.get(at, size as usize)?);
                        each(u64::from_le_bytes(bits));
                    }
                }
                (Value::Fixed(_), None) => {}
            }
        }
        Ok(())
    }
}
