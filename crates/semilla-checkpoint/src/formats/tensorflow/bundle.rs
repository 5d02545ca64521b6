//! What a table says of the files and of each variable: messages of Protocol Buffers.

use semilla::DType;

use super::slices::Slice;
use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, next_field};
use crate::tensor::MAX_DIMS;

/// The files of a checkpoint: the value under the empty key.
pub(super) struct Header {
    pub(super) files: u32,
    pub(super) is_big_endian: bool,
}

impl Header {
    pub(super) fn read(window: &mut Window, mut rest: Span) -> Result<Self, Fault> {
        let mut header = Self {
            files: 0,
            is_big_endian: false,
        };
        while let Some((field, value)) = next_field(window, &mut rest)? {
            match field {
                1 => header.files = value.varint()?.try_into().unwrap_or(u32::MAX),
                2 => header.is_big_endian = value.varint()? != 0,
                _ => {}
            }
        }
        Ok(header)
    }
}

/// A variable.
#[derive(Default)]
pub(super) struct Variable {
    /// The number of its element type.
    kind: u64,
    pub(super) shape: Vec<usize>,
    pub(super) file: u64,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// The slices that it was saved in, each under a key of its own; none if it is whole.
    pub(super) slices: Vec<Slice>,
}

impl Variable {
    pub(super) fn read(window: &mut Window, mut rest: Span) -> Result<Self, Fault> {
        let mut variable = Self::default();
        while let Some((field, value)) = next_field(window, &mut rest)? {
            match field {
                1 => variable.kind = value.varint()?,
                2 => variable.shape = shape(window, value.bytes()?)?,
                3 => variable.file = value.varint()?,
                4 => variable.offset = value.varint()?,
                5 => variable.bytes = value.varint()?,
                7 => variable.slices.push(Slice::read(window, value.bytes()?)?),
                _ => {}
            }
        }
        Ok(variable)
    }

    /// The element type, or why it cannot be read.
    pub(super) fn dtype(&self) -> Result<DType, &'static str> {
        // The numbers of `tensorflow/core/framework/types.proto`.
        Ok(match self.kind {
            1 => DType::F32,
            2 => DType::F64,
            3 => DType::I32,
            4 => DType::U8,
            5 => DType::I16,
            6 => DType::I8,
            7 => return Err("it holds texts"),
            8 | 18 => return Err("its elements are complex"),
            9 => DType::I64,
            10 => DType::Bool,
            14 => DType::BF16,
            17 => DType::U16,
            19 => DType::F16,
            22 => DType::U32,
            23 => DType::U64,
            24 => DType::F8E5M2,
            25 => DType::F8E4M3,
            _ => return Err("its elements are of a type that cannot be read"),
        })
    }
}

/// The sizes of a `TensorShapeProto`.
fn shape(window: &mut Window, mut rest: Span) -> Result<Vec<usize>, Fault> {
    let mut shape = Vec::new();
    while let Some((field, value)) = next_field(window, &mut rest)? {
        if field != 2 {
            continue;
        }
        let mut size = 0;
        let mut dimension = value.bytes()?;
        while let Some((field, value)) = next_field(window, &mut dimension)? {
            if field == 1 {
                size = value.varint()?;
            }
        }
        if shape.len() == MAX_DIMS {
            return Err(Fault::new("a variable has too many dimensions"));
        }
        let size = usize::try_from(size)
            .ok()
            .filter(|&size| size <= isize::MAX as usize);
        shape.push(size.ok_or_else(|| Fault::new("a variable has a size below 0"))?);
    }
    Ok(shape)
}
