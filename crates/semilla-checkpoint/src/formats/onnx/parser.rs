//! Reads messages while there is room for what they hold.

use semilla::graph::{Graph, Properties};

use super::stored::Stored;
use crate::Limits;
use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, Value, next_field, varint};
use crate::tensor::MAX_DIMS;

/// Notes of exporters, and attributes, that are longer are left out: they are stack traces and
/// whole engines, and say nothing of weights.
const MAX_NOTE: u64 = 4096;

/// The rough cost of a note beside its content.
pub(super) const OVERHEAD: u64 = 48;

pub(super) struct Parser<'w, 'f> {
    pub(super) window: &'w mut Window<'f>,
    pub(super) graph: Graph,
    /// By body and initializer: where its values lie. `None` if they are part of the graph, or
    /// cannot be read.
    pub(super) stored: Vec<Vec<Option<Stored>>>,
    /// How many tensors are stored by their nonzero elements.
    pub(super) sparse: usize,
    /// How many constants are single numbers or texts, not tensors.
    pub(super) singles: usize,
    /// How many more graphs, nodes, inputs, outputs and tensors may come.
    parts: usize,
    /// How many more bytes of names may come.
    names: u64,
    /// How many more bytes of notes are kept.
    notes: u64,
}

impl<'w, 'f> Parser<'w, 'f> {
    pub(super) fn new(window: &'w mut Window<'f>, limits: &Limits) -> Self {
        Self {
            window,
            graph: Graph::new(),
            stored: vec![Vec::new()],
            sparse: 0,
            singles: 0,
            parts: limits.tensors,
            names: limits.header_bytes,
            notes: limits.header_bytes,
        }
    }

    pub(super) fn text(&mut self, value: Value) -> Result<String, Fault> {
        self.charge(value.bytes()?.len())?;
        self.paid_text(value)
    }

    /// A text for which there is room already.
    pub(super) fn paid_text(&mut self, value: Value) -> Result<String, Fault> {
        let span = value.bytes()?;
        let bytes = self.window.copy(span.start, span.len())?;
        String::from_utf8(bytes)
            .map_err(|_| Fault::new(format!("the text at byte {} is not UTF-8", span.start)))
    }

    /// A second copy of a text.
    pub(super) fn repeat(&mut self, text: &str) -> Result<String, Fault> {
        self.charge(text.len() as u64)?;
        Ok(text.to_owned())
    }

    /// Takes room for names of these bytes.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Fault> {
        self.names = self.names.checked_sub(bytes).ok_or_else(|| {
            Fault::new("its names have more bytes together than the limit for a header")
        })?;
        Ok(())
    }

    pub(super) fn count(&mut self) -> Result<(), Fault> {
        self.parts = self.parts.checked_sub(1).ok_or_else(|| {
            Fault::new("it has more nodes and tensors than the limit for tensors")
        })?;
        Ok(())
    }

    /// Takes room for something of these bytes that the model can do without; false if none is
    /// left.
    pub(super) fn affords(&mut self, bytes: u64) -> bool {
        let rest = self.notes.checked_sub(bytes);
        self.notes = rest.unwrap_or(self.notes);
        rest.is_some()
    }

    /// A text that the model can do without: `None` if it is long or not UTF-8.
    pub(super) fn note(&mut self, value: Value) -> Result<Option<String>, Fault> {
        let span = value.bytes()?;
        if span.len() > MAX_NOTE || !self.affords(span.len() + OVERHEAD) {
            return Ok(None);
        }
        let bytes = self.window.copy(span.start, span.len())?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// A message of a key and a text.
    pub(super) fn entry(&mut self, value: Value) -> Result<(String, String), Fault> {
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

    /// Adds a message of a key and a text that the model can do without.
    pub(super) fn property(
        &mut self,
        value: Value,
        properties: &mut Properties,
    ) -> Result<(), Fault> {
        let (mut key, mut text) = (None, None);
        let mut rest = value.bytes()?;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => key = self.note(value)?,
                2 => text = self.note(value)?,
                _ => {}
            }
        }
        if let (Some(key), Some(text)) = (key, text) {
            properties.insert(key, text);
        }
        Ok(())
    }

    /// Hands on each integer of a repeated field, packed or not.
    pub(super) fn integers(
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

    /// A number of 4 bytes.
    pub(super) fn float(&mut self, span: Span) -> Result<f32, Fault> {
        match self.window.get(span.start, span.len().min(8) as usize)? {
            &[a, b, c, d] => Ok(f32::from_le_bytes([a, b, c, d])),
            _ => Err(Fault::new("a number is stored as something else")),
        }
    }
}

pub(super) fn push_dim(dims: &mut Vec<u64>, dim: u64) -> Result<(), Fault> {
    if dims.len() == MAX_DIMS {
        return Err(Fault::new(format!(
            "a tensor has more than {MAX_DIMS} dimensions"
        )));
    }
    dims.push(dim);
    Ok(())
}
