//! The message that is a whole file.

use semilla::Graph;

use super::parser::Parser;
use super::stored::Stored;
use crate::Limits;
use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, next_field};

/// The content of a model's file.
pub(super) struct Model {
    pub(super) graph: Graph,
    /// By body and initializer: where its values lie, unless they are part of the graph or are not
    /// read.
    pub(super) stored: Vec<Vec<Option<Stored>>>,
    /// How many tensors are stored by their nonzero elements.
    pub(super) sparse: usize,
    /// How many constants are single numbers or texts, not tensors.
    pub(super) singles: usize,
    /// Keys and texts beside the graph.
    pub(super) properties: Vec<(String, String)>,
}

impl Model {
    /// Reads everything but values of tensors.
    pub(super) fn read(window: &mut Window, limits: &Limits) -> Result<Self, Fault> {
        let mut rest = Span {
            start: 0,
            end: window.len(),
        };
        let mut parser = Parser::new(window, limits);
        let mut properties = Vec::new();
        let mut found = false;
        while let Some((field, value)) = next_field(parser.window, &mut rest)? {
            match field {
                1 => properties.push(("ir_version".to_owned(), value.varint()?.to_string())),
                2 | 3 => {
                    let key = ["producer_name", "producer_version"][field as usize - 2];
                    properties.push((key.to_owned(), parser.text(value)?));
                }
                7 if found => return Err(Fault::new("it has two graphs")),
                7 => {
                    found = true;
                    parser.main(value.bytes()?)?;
                }
                8 => {
                    let (domain, version) = parser.opset(value.bytes()?)?;
                    parser.graph.opsets.insert(domain, version);
                }
                14 => {
                    let entry = parser.entry(value)?;
                    if properties.len() > limits.metadata {
                        return Err(Fault::new(format!(
                            "it has more than {} entries of metadata",
                            limits.metadata
                        )));
                    }
                    properties.push(entry);
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
        Ok(Self {
            graph: parser.graph,
            stored: parser.stored,
            sparse: parser.sparse,
            singles: parser.singles,
            properties,
        })
    }
}
