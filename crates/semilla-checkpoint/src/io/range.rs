//! Ranges of bytes that are asked of a tensor.

use crate::error::Error;
use crate::quoted::Quoted;
use crate::tensor::TensorInfo;
use crate::tensors::Tensors;

/// The tensor, if it exists and has `len` bytes at `offset`.
pub(crate) fn check_range(
    tensors: &Tensors,
    tensor: usize,
    offset: u64,
    len: usize,
) -> Result<&TensorInfo, Error> {
    let info = tensors.get(tensor).ok_or(Error::NoSuchTensor {
        tensor,
        count: tensors.len(),
    })?;
    let size = info.bytes();
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(info),
        _ => Err(Error::OutOfRange {
            tensor: Quoted::new(info.name()),
            offset,
            len,
            size,
        }),
    }
}
