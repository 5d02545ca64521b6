//! Encoders, decoders and stacks by themselves; the residual branches of each.

use std::collections::{BTreeMap, BTreeSet};

use super::index::own_name;
use super::residual::stack_of;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::side::Side;
use crate::model::tensor::Tensor;

/// Names of attention from a decoder to its encoder, in lower case.
const CROSS: [&str; 6] = [
    "encoder_attn",
    "encdecattention",
    "cross_attn",
    "crossattention",
    "cross_attention",
    "multihead_attn",
];

/// Layers in series of a branch that is not a unit of convolutions: value and output, there and
/// back.
const LAYERS: u32 = 2;

#[derive(Default)]
struct Stack {
    is_decoder: bool,
    is_named_encoder: bool,
    /// The modules that end branches, each counted once.
    branches: BTreeSet<String>,
}

/// Says of every tensor in a stack of residual blocks which side it is on, how many branches the
/// stack has, and how many layers in series its own branch has.
pub(super) fn mark_sides(tensors: &mut [Tensor]) {
    let mut stacks: BTreeMap<String, Stack> = BTreeMap::new();
    let mut units: BTreeMap<String, u32> = BTreeMap::new();
    for tensor in tensors.iter().filter(|tensor| tensor.depth.is_some()) {
        let text = own_name(tensor);
        let Some(container) = stack_of(text) else {
            continue;
        };
        let name = Name::new(text);
        let is_named_encoder = container.to_ascii_lowercase().contains("encoder");
        let stack = stacks.entry(container).or_default();
        stack.is_decoder |= CROSS.iter().any(|word| name.inside(word));
        stack.is_named_encoder |= is_named_encoder;
        let ends = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
        if ends.contains(&tensor.role) {
            stack.branches.insert(branch(&name));
        }
        if tensor.role == Role::ResidualOut
            && let Some((unit, number)) = in_unit(text)
        {
            units.insert(unit.to_owned(), number as u32);
        }
    }
    let has_decoder = stacks.values().any(|stack| stack.is_decoder);
    let others = stacks.values().filter(|stack| !stack.is_decoder).count();
    for tensor in tensors {
        (tensor.side, tensor.branches, tensor.branch_layers) = (None, None, None);
        if tensor.depth.is_none() {
            continue;
        }
        let text = own_name(tensor);
        let stack = stack_of(text).and_then(|container| stacks.get(&container));
        let Some(stack) = stack else { continue };
        let is_encoder = has_decoder && (stack.is_named_encoder || others == 1);
        let side = match stack.is_decoder {
            true => Side::Decoder,
            false if is_encoder => Side::Encoder,
            false => Side::Alone,
        };
        let layers = match in_unit(text) {
            Some((unit, _)) => units.get(unit).copied(),
            None if is_in_branch(tensor.role) => Some(LAYERS),
            None => None,
        };
        let branches = Some(stack.branches.len() as u32).filter(|&count| count > 0);
        (tensor.side, tensor.branches, tensor.branch_layers) = (Some(side), branches, layers);
    }
}

/// The module that a branch ends in: experts are one branch together.
fn branch(name: &Name<'_>) -> String {
    let end = name.parts.len().saturating_sub(2);
    let inner = &name.parts[..end];
    let experts = inner.iter().position(|part| part.contains("expert"));
    let inner = &inner[..experts.unwrap_or(inner.len())];
    // The branches of a block may end in the block itself: `layers.0.linear2`.
    inner.join(".")
}

/// The residual unit of a numbered convolution in it: `layer1.0.` and 2 of `layer1.0.conv2.weight`.
fn in_unit(text: &str) -> Option<(&str, usize)> {
    let module = text.strip_suffix(".weight")?;
    let at = module.rfind('.')?;
    let number = module[at + 1..].strip_prefix("conv")?.parse().ok()?;
    Some((&module[..=at], number))
}

fn is_in_branch(role: Role) -> bool {
    matches!(
        role,
        Role::Query
            | Role::Key
            | Role::Value
            | Role::Qkv
            | Role::Kv
            | Role::AttentionOut
            | Role::MlpIn
            | Role::MlpGate
            | Role::MlpOut
    )
}
