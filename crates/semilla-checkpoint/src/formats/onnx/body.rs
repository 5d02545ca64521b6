//! Messages that are graphs, functions and nodes, one within the other.

use semilla::graph::{Attribute, Body, Function, Node, NodeId, Owner, Value};

use super::attribute::Draft;
use super::parser::Parser;
use crate::io::window::Fault;
use crate::io::wire::{Span, next_field};

/// Graphs within graphs, deeper than any exporter writes.
const MAX_DEPTH: usize = 32;

impl Parser<'_, '_> {
    /// Reads the model's own graph.
    pub(super) fn main(&mut self, message: Span) -> Result<(), Fault> {
        self.count()?;
        self.body(message, 0, 1)
    }

    fn nested(&mut self, message: Span, owner: Owner, depth: usize) -> Result<usize, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(format!(
                "its graphs are nested more than {MAX_DEPTH} deep"
            )));
        }
        let index = self.add(Some(owner))?;
        self.body(message, index, depth)?;
        Ok(index)
    }

    fn add(&mut self, owner: Option<Owner>) -> Result<usize, Fault> {
        self.count()?;
        self.stored.push(Vec::new());
        Ok(self.graph.add(Body {
            owner,
            ..Body::default()
        }))
    }

    fn body(&mut self, mut rest: Span, body: usize, depth: usize) -> Result<(), Fault> {
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => self.node(value.bytes()?, body, depth)?,
                2 => self.at(body).name = self.note(value)?.unwrap_or_default(),
                5 => {
                    let tensor = self.tensor(value.bytes()?)?;
                    let name = self.repeat(&tensor.name)?;
                    self.carry(body, name, tensor)?;
                }
                11 => {
                    let input = self.end(value.bytes()?)?;
                    self.at(body).inputs.push(input);
                }
                12 => {
                    let output = self.end(value.bytes()?)?;
                    self.at(body).outputs.push(output);
                }
                13 => {
                    let between = self.between(value.bytes()?)?;
                    self.at(body).values.extend(between);
                }
                15 => {
                    let tensor = self.sparse_tensor(value.bytes()?)?;
                    let name = self.repeat(&tensor.name)?;
                    self.carry_sparse(body, name, tensor)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The nodes of a function stand for themselves: they see no tensors of the graph that calls
    /// it.
    pub(super) fn function(&mut self, mut rest: Span) -> Result<(), Fault> {
        let body = self.add(None)?;
        let mut function = Function {
            body,
            ..Function::default()
        };
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => function.name = self.text(value)?,
                4 | 5 => {
                    self.count()?;
                    let value = Value {
                        name: self.text(value)?,
                        ..Value::default()
                    };
                    let content = self.at(body);
                    match field {
                        4 => content.inputs.push(value),
                        _ => content.outputs.push(value),
                    }
                }
                6 => {
                    self.count()?;
                    function.attributes.push(self.text(value)?);
                }
                7 => self.node(value.bytes()?, body, 1)?,
                9 => {
                    let (domain, version) = self.opset(value.bytes()?)?;
                    function.opsets.insert(domain, version);
                }
                10 => function.domain = self.text(value)?,
                11 => {
                    self.count()?;
                    let name = self.text_of_field(value.bytes()?, 1)?;
                    function.attributes.push(name);
                }
                12 => {
                    let between = self.between(value.bytes()?)?;
                    self.at(body).values.extend(between);
                }
                13 => function.overload = self.text(value)?,
                _ => {}
            }
        }
        self.at(body).name = self.repeat(&function.name)?;
        self.graph.functions.push(function);
        Ok(())
    }

    /// A domain and the version of its operators.
    pub(super) fn opset(&mut self, mut rest: Span) -> Result<(String, i64), Fault> {
        self.count()?;
        let (mut domain, mut version) = (String::new(), 0);
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => domain = self.text(value)?,
                2 => version = value.varint()? as i64,
                _ => {}
            }
        }
        if domain == "ai.onnx" {
            domain.clear();
        }
        Ok((domain, version))
    }

    fn node(&mut self, mut rest: Span, body: usize, depth: usize) -> Result<(), Fault> {
        self.count()?;
        let mut node = Node::default();
        let mut attributes = Vec::new();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => {
                    self.count()?;
                    node.inputs.push(self.text(value)?);
                }
                2 => {
                    self.count()?;
                    node.outputs.push(self.text(value)?);
                }
                3 => node.name = self.text(value)?,
                4 => node.operator = self.text(value)?,
                5 => {
                    self.count()?;
                    attributes.push(value.bytes()?);
                }
                7 => node.domain = self.text(value)?,
                9 => self.property(value, &mut node.properties)?,
                _ => {}
            }
        }
        let mut is_constant = false;
        for span in attributes {
            let name = self.text_of_field(span, 1)?;
            if node.operator == "Constant" && self.constant(span, &name, &node, body)? {
                is_constant = true;
                continue;
            }
            let value = self.attribute(span, &name, body, depth)?;
            node.attributes.push((name, value));
        }
        // What a constant makes is a tensor of the body: nothing is left to run.
        if !is_constant || !node.attributes.is_empty() {
            self.at(body).nodes.push(node);
        }
        Ok(())
    }

    /// The value of an attribute of the node that comes next in a body.
    fn attribute(
        &mut self,
        message: Span,
        name: &str,
        body: usize,
        depth: usize,
    ) -> Result<Attribute, Fault> {
        let mut draft = Draft::default();
        let mut rest = message;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                5 => {
                    let tensor = self.tensor(value.bytes()?)?;
                    let literal = tensor.literal(self.window)?;
                    draft.set(literal.map(Attribute::Tensor));
                }
                6 | 11 => {
                    let node = NodeId {
                        body,
                        index: self.at(body).nodes.len(),
                    };
                    let owner = Owner {
                        node,
                        attribute: self.repeat(name)?,
                    };
                    let nested = self.nested(value.bytes()?, owner, depth + 1)?;
                    match field {
                        6 => draft.set(Some(Attribute::Body(nested))),
                        _ => draft.bodies.push(nested),
                    }
                }
                _ => self.plain(field, value, &mut draft)?,
            }
        }
        Ok(draft.finish())
    }

    pub(super) fn at(&mut self, body: usize) -> &mut Body {
        &mut self.graph.bodies_mut()[body]
    }
}
