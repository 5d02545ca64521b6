//! Limits on what a file may declare, given its size.

use crate::quoted::Quoted;
use crate::{Limits, TensorInfo, Tensors};

/// Checks the list of a file of `file_bytes` bytes.
pub(crate) fn check_budget(
    tensors: &Tensors,
    file_bytes: u64,
    limits: &Limits,
) -> Result<(), String> {
    if tensors.len() > limits.tensors {
        return Err(format!(
            "it has {} tensors, more than the limit of {}",
            tensors.len(),
            limits.tensors
        ));
    }
    if u128::from(tensors.bytes()) > u128::from(file_bytes) * u128::from(limits.expansion) {
        return Err(format!(
            "its tensors have {} bytes, more than {} times the file",
            tensors.bytes(),
            limits.expansion
        ));
    }
    Ok(())
}

/// Checks a tensor that must be decoded whole.
pub(crate) fn check_decoded(tensor: &TensorInfo, limits: &Limits) -> Result<(), String> {
    if tensor.bytes() > limits.decoded_bytes {
        return Err(format!(
            "tensor {} has {} bytes, more than the limit of {}",
            Quoted::new(tensor.name()),
            tensor.bytes(),
            limits.decoded_bytes
        ));
    }
    Ok(())
}
