//! The wire format of Protocol Buffers, as much as a reader needs: numbered fields, each a varint,
//! 4 or 8 bytes, or a run of bytes. Nothing is kept; a message is known by its place in the file.

use crate::io::window::{Fault, Window};

/// A message, a text or packed numbers: a range of bytes of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Span {
    pub(crate) fn len(self) -> u64 {
        self.end - self.start
    }
}

/// The value of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    Varint(u64),
    /// A number of 4 or 8 bytes.
    Fixed(Span),
    Bytes(Span),
}

impl Value {
    pub(crate) fn varint(self) -> Result<u64, Fault> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(Fault::new("a number is stored as something else")),
        }
    }

    pub(crate) fn fixed(self) -> Result<Span, Fault> {
        match self {
            Value::Fixed(span) => Ok(span),
            _ => Err(Fault::new("a number is stored as something else")),
        }
    }

    pub(crate) fn bytes(self) -> Result<Span, Fault> {
        match self {
            Value::Bytes(span) => Ok(span),
            _ => Err(Fault::new("a message or text is stored as a number")),
        }
    }
}

/// Takes the next field, its number and value, off the front of a message; `None` at its end.
pub(crate) fn next_field(
    window: &mut Window,
    rest: &mut Span,
) -> Result<Option<(u64, Value)>, Fault> {
    if rest.start == rest.end {
        return Ok(None);
    }
    let tag = varint(window, rest)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(window, rest)?),
        1 => Value::Fixed(take(rest, 8)?),
        2 => {
            let len = varint(window, rest)?;
            Value::Bytes(take(rest, len)?)
        }
        5 => Value::Fixed(take(rest, 4)?),
        kind => {
            return Err(Fault::new(format!(
                "byte {} starts a field of unknown kind {kind}",
                rest.start
            )));
        }
    };
    Ok(Some((tag >> 3, value)))
}

/// Takes a number of 1 to 10 bytes of 7 bits, the lowest first, off the front.
pub(crate) fn varint(window: &mut Window, rest: &mut Span) -> Result<u64, Fault> {
    let available = rest.len().min(10) as usize;
    let bytes = window.get(rest.start, available)?;
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if index == 9 && *byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            rest.start += index as u64 + 1;
            return Ok(value);
        }
    }
    Err(Fault::new(format!(
        "the number at byte {} has no end; the file is truncated or damaged",
        rest.start
    )))
}

/// Takes `len` bytes off the front.
fn take(rest: &mut Span, len: u64) -> Result<Span, Fault> {
    if len > rest.len() {
        return Err(Fault::new(format!(
            "byte {} starts {len} bytes where {} are left; the file is truncated or damaged",
            rest.start,
            rest.len()
        )));
    }
    let start = rest.start;
    rest.start += len;
    Ok(Span {
        start,
        end: rest.start,
    })
}
