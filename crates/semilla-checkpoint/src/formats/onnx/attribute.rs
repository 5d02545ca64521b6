//! The values of attributes, but for graphs.

use semilla::graph::Attribute;

use super::parser::Parser;
use crate::io::window::Fault;
use crate::io::wire::{Span, Value};

/// Longer lists are trees and tables, and left out.
const MAX_LIST: usize = 4096;

/// The value of an attribute as its parts come.
#[derive(Default)]
pub(super) struct Draft {
    single: Option<Attribute>,
    ints: Vec<i64>,
    floats: Vec<f32>,
    texts: Vec<String>,
    pub(super) bodies: Vec<usize>,
    /// The number of its kind, which tells an empty list from an absent one.
    kind: u64,
}

impl Draft {
    /// Takes in a single value, not a list; `None` is one that the graph does not hold.
    pub(super) fn set(&mut self, value: Option<Attribute>) {
        self.single = Some(value.unwrap_or(Attribute::Omitted));
    }

    pub(super) fn finish(self) -> Attribute {
        if let Some(single) = self.single {
            return single;
        }
        match self.kind {
            _ if !self.ints.is_empty() => Attribute::Ints(self.ints),
            _ if !self.floats.is_empty() => Attribute::Floats(self.floats),
            _ if !self.texts.is_empty() => Attribute::Texts(self.texts),
            _ if !self.bodies.is_empty() => Attribute::Bodies(self.bodies),
            1 => Attribute::Float(0.0),
            2 => Attribute::Int(0),
            3 => Attribute::Text(String::new()),
            6 => Attribute::Floats(Vec::new()),
            7 => Attribute::Ints(Vec::new()),
            8 => Attribute::Texts(Vec::new()),
            10 => Attribute::Bodies(Vec::new()),
            _ => Attribute::Omitted,
        }
    }
}

impl Parser<'_, '_> {
    /// Takes in one field of an attribute: a number, a text, or more of a list of such.
    pub(super) fn plain(
        &mut self,
        field: u64,
        value: Value,
        draft: &mut Draft,
    ) -> Result<(), Fault> {
        match field {
            2 => {
                let number = self.float(value.fixed()?)?;
                draft.set(Some(Attribute::Float(number)));
            }
            3 => draft.set(Some(Attribute::Int(value.varint()? as i64))),
            4 => {
                let text = self.note(value)?;
                draft.set(text.map(Attribute::Text));
            }
            7..=9 => self.list(field, value, draft)?,
            20 => draft.kind = value.varint()?,
            21 => {
                let parameter = self.text(value)?;
                draft.set(Some(Attribute::Parameter(parameter)));
            }
            // Lists of tensors, types, sparse tensors.
            10 | 14 | 22 | 23 => draft.set(None),
            _ => {}
        }
        Ok(())
    }

    /// Adds to a list, packed or not; one that becomes too long is left out.
    fn list(&mut self, field: u64, value: Value, draft: &mut Draft) -> Result<(), Fault> {
        let count = match (field, value) {
            // At least one byte each.
            (8, Value::Bytes(span)) => span.len(),
            (7, Value::Bytes(span)) => span.len().div_ceil(4),
            _ => 1,
        };
        let known = draft.ints.len() + draft.floats.len() + draft.texts.len();
        if known as u64 + count > MAX_LIST as u64 || !self.affords(8 * count) {
            draft.set(None);
            return Ok(());
        }
        match field {
            7 => self.floats(value, &mut draft.floats)?,
            8 => self.integers(value, &mut |number| {
                draft.ints.push(number as i64);
                Ok(())
            })?,
            _ => match self.note(value)? {
                Some(text) => draft.texts.push(text),
                None => draft.set(None),
            },
        }
        Ok(())
    }

    fn floats(&mut self, value: Value, floats: &mut Vec<f32>) -> Result<(), Fault> {
        let (Value::Fixed(mut span) | Value::Bytes(mut span)) = value else {
            return Err(Fault::new("a number is stored as something else"));
        };
        while span.start < span.end {
            let end = span.end.min(span.start + 4);
            floats.push(self.float(Span { end, ..span })?);
            span.start = end;
        }
        Ok(())
    }
}
