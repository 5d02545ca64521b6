//! Decisions for the weights that one tensor holds: rules that treat queries, keys and values apart
//! do so inside a fused projection too.

use super::decision::Decision;
use crate::init;
use crate::layout::FanRule;
use crate::model::{Role, Tensor};

/// The roles of the weights in a tensor, in order; none for a plain weight.
pub(super) fn roles(tensor: &Tensor) -> Vec<Role> {
    match (&tensor.fused, tensor.role) {
        (Some(fused), _) => fused.parts.iter().map(|part| part.role).collect(),
        (None, Role::Qkv) => vec![Role::Query, Role::Key, Role::Value],
        (None, Role::Kv) => vec![Role::Key, Role::Value],
        (None, _) => Vec::new(),
    }
}

/// The part of this role as a tensor by itself, as far as `auto` decides by it.
pub(super) fn part(tensor: &Tensor, role: Role) -> Tensor {
    let mut part = tensor.clone().role(role);
    part.blocks.clear();
    part.fused = None;
    part
}

/// The decision for a tensor whose parts were decided one by one.
pub(super) fn joined(
    tensor: &Tensor,
    roles: &[Role],
    decisions: Vec<Decision>,
    fans: FanRule,
) -> Option<Decision> {
    let first = decisions.first()?;
    let same = |other: &Decision| {
        (&other.initializer, other.fans) == (&first.initializer, first.fans)
            && (&other.lr, &other.multiplier, other.fit)
                == (&first.lr, &first.multiplier, first.fit)
    };
    if decisions.iter().all(same) {
        return Some(first.clone());
    }
    let mut said: Vec<(Vec<&str>, &str)> = Vec::new();
    for (role, decision) in roles.iter().zip(&decisions) {
        match said.last_mut() {
            Some((names, reason)) if *reason == decision.reason => names.push(role.name()),
            _ => said.push((vec![role.name()], &decision.reason)),
        }
    }
    let said = said
        .iter()
        .map(|(names, reason)| format!("{}: {reason}", names.join(", ")));
    let reason = said.collect::<Vec<_>>().join("; ");
    let of = decisions
        .iter()
        .map(|decision| decision.initializer.clone());
    let is_same_rate = decisions.iter().all(|decision| decision.lr == first.lr);
    let is_same_factor = decisions
        .iter()
        .all(|decision| decision.multiplier == first.multiplier);
    let is_same_fit = decisions.iter().all(|decision| decision.fit == first.fit);
    let reason = match is_same_rate && is_same_factor && is_same_fit {
        true => reason,
        false => format!(
            "{reason}; one tensor has one learning rate, multiplier and fit: those that differ are \
             not given"
        ),
    };
    Some(Decision {
        lr: first.lr.clone().filter(|_| is_same_rate),
        fit: first.fit.filter(|_| is_same_fit),
        multiplier: first.multiplier.clone().filter(|_| is_same_factor),
        ground: tensor.ground,
        ..Decision::new(init::blocks().of(of).into(), fans, reason)
    })
}
