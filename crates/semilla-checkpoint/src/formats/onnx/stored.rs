//! Tensors as a file stores them, their values not yet read.

use semilla::DType;
use semilla::graph::Literal;

use super::dtype::dtype;
use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, Value, next_field, varint};

/// Numbers of formulas, shapes and axes have at most as many elements.
pub(super) const MAX_SHORT: u64 = 16;

/// A tensor whose values are in the file or beside it.
#[derive(Default)]
pub(super) struct Stored {
    /// Its own name, which a constant need not have.
    pub(super) name: String,
    pub(super) dims: Vec<u64>,
    /// The number of the element type.
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
    /// In a file beside the model's.
    External(External),
}

/// The numbers of a repeated field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed {
    pub(super) message: Span,
    pub(super) field: u64,
    pub(super) kind: Kind,
    pub(super) count: u64,
    /// The bytes, if they are stored together.
    pub(super) chunk: Option<Span>,
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

/// The place of values in a different file, as stated by the model's file.
#[derive(Default)]
pub(super) struct External {
    pub(super) location: String,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

impl Stored {
    pub(super) fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |a: u64, &b| a.saturating_mul(b))
    }

    /// The shape, for a graph: sizes beyond this machine's are its largest.
    pub(super) fn shape(&self) -> Vec<usize> {
        let sizes = self.dims.iter();
        sizes
            .map(|&size| size.try_into().unwrap_or(usize::MAX))
            .collect()
    }

    /// The type of a tensor that is short enough to be part of the graph.
    pub(super) fn short_type(&self) -> Option<DType> {
        let dtype = dtype(self.data_type).ok()?;
        (self.elements() <= MAX_SHORT).then_some(dtype)
    }

    /// The values of a short tensor, if they are in the model's own file and as many as they
    /// should be.
    pub(super) fn literal(&self, window: &mut Window) -> Result<Option<Literal>, Fault> {
        let Some(dtype) = self.short_type() else {
            return Ok(None);
        };
        let bytes = match &self.data {
            Data::Raw(span) if span.len() <= MAX_SHORT * dtype.size() as u64 => {
                window.copy(span.start, span.len())?
            }
            Data::Typed(typed) if typed.kind.holds(dtype) && typed.count <= MAX_SHORT => {
                typed.bytes(window, dtype)?
            }
            _ => return Ok(None),
        };
        Ok(Literal::new(dtype, self.shape(), bytes))
    }
}

impl Kind {
    /// The bytes of a number, where it has always as many.
    pub(super) fn size(self) -> Option<u64> {
        match self {
            Kind::F32 => Some(4),
            Kind::F64 => Some(8),
            Kind::I32 | Kind::I64 | Kind::U64 => None,
        }
    }

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

impl Typed {
    /// The bytes of floats that are stored together: the same as in raw form.
    pub(super) fn together(&self) -> Option<Span> {
        self.chunk.filter(|_| self.kind.size().is_some())
    }

    /// The numbers as little-endian elements of a type that may hold them.
    pub(super) fn bytes(&self, window: &mut Window, dtype: DType) -> Result<Vec<u8>, Fault> {
        let size = dtype.size();
        let needed = self.count as usize * size;
        let mut bytes = Vec::with_capacity(needed);
        self.each(window, |number| {
            let number = match dtype {
                DType::Bool => u64::from(number != 0),
                _ => number,
            };
            if bytes.len() < needed {
                bytes.extend_from_slice(&number.to_le_bytes()[..size]);
            }
        })?;
        match bytes.len() == needed {
            true => Ok(bytes),
            false => Err(Fault::new("it was changed while it was open")),
        }
    }

    /// Hands on each number, an integer as its 64 bits and a float as its own.
    fn each(&self, window: &mut Window, mut each: impl FnMut(u64)) -> Result<(), Fault> {
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
