//! Residual blocks: which tensors end them, how they are numbered, how wide their stream is.

use std::collections::HashMap;

use crate::activation::Activation;
use crate::model::names::is_number;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// The part of a name up to the residual block that it lies in.
fn block_of(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split(['.', '/']).collect();
    let at = parts.iter().position(|part| is_number(part))?;
    Some(parts[..=at].join("."))
}

/// Marks the last convolution and the last normalization of each residual unit of convolutions
/// (`conv3`, `bn3`).
pub(super) fn mark_residual_units(tensors: &mut [Tensor]) {
    let place = |name: &str, stem: &str| -> Option<(String, u32)> {
        let parts: Vec<&str> = name.split('.').collect();
        let module = parts.len().checked_sub(2)?;
        let number = parts[module].strip_prefix(stem)?.parse().ok()?;
        is_number(parts.get(module.checked_sub(1)?)?).then(|| (parts[..module].join("."), number))
    };
    let mut last: HashMap<String, u32> = HashMap::new();
    for tensor in tensors.iter().filter(|tensor| tensor.role == Role::Conv) {
        if let Some((unit, number)) = place(&tensor.name, "conv") {
            let last = last.entry(unit).or_default();
            *last = number.max(*last);
        }
    }
    last.retain(|_, &mut number| number > 1);
    for tensor in tensors {
        let stem = if tensor.role == Role::Conv {
            "conv"
        } else {
            "bn"
        };
        let Some((unit, number)) = place(&tensor.name, stem) else {
            continue;
        };
        match (tensor.role, last.get(&unit) == Some(&number)) {
            (Role::Conv, true) => tensor.role = Role::ResidualOut,
            (Role::Conv, false) if last.contains_key(&unit) => {
                tensor.activation = Some(Activation::Relu);
            }
            (Role::NormWeight, true) => tensor.role = Role::LastNormWeight,
            _ => {}
        }
    }
}

/// Numbers the residual blocks in natural order and sets each tensor's own; the count, if there are
/// any.
pub(super) fn number_blocks(tensors: &mut [Tensor]) -> Option<usize> {
    let ends = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
    let mut blocks: Vec<String> = tensors
        .iter()
        .filter(|tensor| ends.contains(&tensor.role))
        .filter_map(|tensor| block_of(&tensor.name))
        .collect();
    blocks.sort_by_key(|block| natural(block));
    blocks.dedup();
    let places: HashMap<&str, usize> = blocks
        .iter()
        .enumerate()
        .map(|(place, block)| (block.as_str(), place))
        .collect();
    for tensor in tensors {
        tensor.depth = block_of(&tensor.name).and_then(|block| places.get(&*block).copied());
    }
    (!blocks.is_empty()).then_some(blocks.len())
}

/// A sort key in which `layers.2` comes before `layers.10`.
fn natural(name: &str) -> Vec<(u64, String)> {
    name.split('.')
        .map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned()))
        .collect()
}

/// The width of the residual stream: the embedding's, or the most common size of a normalization.
pub(super) fn width(tensors: &[Tensor]) -> Option<usize> {
    let embedding = tensors
        .iter()
        .filter(|tensor| tensor.role == Role::Embedding)
        .find_map(|tensor| tensor.shape.get(1).copied());
    embedding.or_else(|| {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for tensor in tensors
            .iter()
            .filter(|tensor| tensor.role == Role::NormWeight)
        {
            *counts
                .entry(tensor.shape.first().copied().unwrap_or(1))
                .or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|&(size, count)| (count, size))
            .map(|(size, _)| size)
    })
}
