//! Messages that are tensors.

use super::parser::{Parser, push_dim};
use super::stored::{Data, External, Kind, Stored, Typed};
use crate::io::window::Fault;
use crate::io::wire::{Span, Value, next_field, varint};
use crate::tensor::MAX_NAME_BYTES;

impl Parser<'_, '_> {
    pub(super) fn tensor(&mut self, message: Span) -> Result<Stored, Fault> {
        self.count()?;
        let mut tensor = Stored::default();
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

    /// A tensor that is stored by its nonzero elements: their list has the name and the type.
    pub(super) fn sparse_tensor(&mut self, mut rest: Span) -> Result<Stored, Fault> {
        self.count()?;
        let mut tensor = Stored::default();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => {
                    let mut elements = value.bytes()?;
                    while let Some((field, value)) = next_field(self.window, &mut elements)? {
                        match field {
                            2 => tensor.data_type = value.varint()?,
                            8 => tensor.name = self.text(value)?,
                            _ => {}
                        }
                    }
                }
                3 => self.integers(value, &mut |dim| push_dim(&mut tensor.dims, dim))?,
                _ => {}
            }
        }
        Ok(tensor)
    }

    /// The last text of a message in this field.
    pub(super) fn text_of_field(&mut self, mut rest: Span, wanted: u64) -> Result<String, Fault> {
        let mut text = String::new();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            if field == wanted {
                text = self.text(value)?;
            }
        }
        Ok(text)
    }

    /// Adds one element or a packed run to the numbers of a repeated field.
    pub(super) fn numbers(
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
}

/// Adds one entry's statement about values in a different file. A checksum is not checked.
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
