//! Messages that say what a value's type and shape are.

use semilla::graph::{Dim, Value as NamedValue};

use super::dtype::dtype;
use super::parser::{OVERHEAD, Parser};
use crate::io::window::Fault;
use crate::io::wire::{Span, next_field};
use crate::tensor::MAX_DIMS;

impl Parser<'_, '_> {
    /// An input or an output of a body.
    pub(super) fn end(&mut self, message: Span) -> Result<NamedValue, Fault> {
        self.count()?;
        self.charge(message.len())?;
        self.value(message)
    }

    /// The known type and shape of a value in between, if there is room for it: the model runs
    /// without.
    pub(super) fn between(&mut self, message: Span) -> Result<Option<NamedValue>, Fault> {
        match self.affords(message.len() + OVERHEAD) {
            true => self.value(message).map(Some),
            false => Ok(None),
        }
    }

    fn value(&mut self, mut rest: Span) -> Result<NamedValue, Fault> {
        let mut found = NamedValue::default();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            match field {
                1 => found.name = self.paid_text(value)?,
                2 => self.value_type(value.bytes()?, &mut found)?,
                4 => self.property(value, &mut found.properties)?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Of the types only tensors: sequences and maps have no shape.
    fn value_type(&mut self, mut rest: Span, found: &mut NamedValue) -> Result<(), Fault> {
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            if field != 1 {
                continue;
            }
            let mut tensor = value.bytes()?;
            while let Some((field, value)) = next_field(self.window, &mut tensor)? {
                match field {
                    1 => found.dtype = dtype(value.varint()?).ok(),
                    2 => found.shape = self.shape(value.bytes()?)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn shape(&mut self, mut rest: Span) -> Result<Option<Vec<Dim>>, Fault> {
        let mut dims = Vec::new();
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            if field != 1 {
                continue;
            }
            if dims.len() == MAX_DIMS || !self.affords(size_of::<Dim>() as u64) {
                return Ok(None);
            }
            dims.push(self.dim(value.bytes()?)?);
        }
        Ok(Some(dims))
    }

    fn dim(&mut self, mut rest: Span) -> Result<Dim, Fault> {
        let mut dim = Dim::Unknown;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            dim = match field {
                // Negative sizes are how some exporters write that they know none.
                1 => match i64::try_from(value.varint()?).map(usize::try_from) {
                    Ok(Ok(size)) => Dim::Known(size),
                    _ => Dim::Unknown,
                },
                2 => match self.note(value)? {
                    Some(name) if !name.is_empty() => Dim::Named(name),
                    _ => Dim::Unknown,
                },
                _ => continue,
            };
        }
        Ok(dim)
    }
}
