//! Linear layers one after the other, as their names and sizes show: `net.0`, `net.2`, `net.4`.

use super::index::{All, own_name};
use crate::activation::Activation;
use crate::layout::Axis;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// Numbers between two layers of a sequence, at most: an activation, dropout.
const STEP: u64 = 4;

/// Tensors of one module, at most.
const MODULE: usize = 8;

/// The next layer of a sequence of numbered linear layers, which takes as many features as this one
/// makes; `None` inside residual blocks, before a normalization, and where the activation is not
/// known.
pub(super) fn follower(tensor: &Tensor, all: All<'_>) -> Option<String> {
    let activation = tensor.activation?;
    let is_hidden = activation != Activation::Linear && !tensor.is_normalized;
    if !is_hidden || tensor.depth.is_some() || !is_linear(tensor) {
        return None;
    }
    let text = own_name(tensor);
    let name = Name::new(text);
    let number: u64 = name.module().parse().ok()?;
    let around = text.strip_suffix(&format!("{number}.{}", name.leaf()))?;
    for next in number + 1..=number + STEP {
        let module = format!("{around}{next}.");
        let inside: Vec<&Tensor> = all.under(&module).take(MODULE).collect();
        match inside.iter().find(|tensor| is_linear(tensor)) {
            Some(weight) => {
                let has_norm = inside.iter().any(|tensor| is_norm(tensor));
                let fits = size(weight, Axis::In) == size(tensor, Axis::Out);
                return (fits && !has_norm).then(|| weight.name.clone());
            }
            None if inside.iter().all(|tensor| tensor.role == Role::Slope) => {}
            None => return None,
        }
    }
    None
}

fn is_linear(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::Linear | Role::Head) && tensor.shape.len() == 2
}

fn is_norm(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::NormWeight | Role::NormBias)
}

fn size(tensor: &Tensor, axis: Axis) -> Option<usize> {
    let layout = tensor.layout.as_ref()?;
    Some(layout.size(axis, &tensor.shape))
}
