//! Facts that a tensor takes from the tensors around it.

use super::index::{All, own_name};
use super::layouts::hidden_size;
use crate::layout::FanRule;
use crate::model::names::{Name, directions_of};
use crate::model::role::Role;
use crate::model::tensor::{BiasFanIn, Tensor};

/// Sets each bias's fan_in to its weight's.
pub(super) fn join_biases(tensors: &mut [Tensor], by_name: &[usize]) {
    for place in 0..tensors.len() {
        let all = All::new(tensors, by_name);
        let fan_in = bias_fan_in(&tensors[place], all);
        let weight = bias_weight(&tensors[place], all).map(|weight| weight.role);
        tensors[place].bias_fan_in = fan_in;
        tensors[place].bias_of = weight;
    }
}

fn bias_fan_in(tensor: &Tensor, all: All<'_>) -> Option<BiasFanIn> {
    let text = own_name(tensor);
    match tensor.role {
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias => {
            let hidden = hidden_size(text, Name::new(text).leaf(), all)?;
            Some(BiasFanIn::of(hidden as f64))
        }
        Role::WeightGain => {
            let directions = all.find(&directions_of(text)?)?;
            let layout = directions.layout.as_ref()?;
            let fan_in = layout.fans(&directions.shape).ok()?.fan_in;
            let (all, norms) = (directions.len()? as f64, tensor.len()? as f64);
            Some(BiasFanIn::of(all / norms / fan_in))
        }
        Role::Bias | Role::PriorBias => {
            let weight = bias_weight(tensor, all)?;
            let layout = weight.layout.as_ref()?;
            let fan_in = |rule| Some(layout.fans_by(rule, &weight.shape).ok()?.fan_in);
            Some(BiasFanIn {
                exact: fan_in(FanRule::Exact)?,
                pytorch: fan_in(FanRule::Pytorch)?,
            })
        }
        _ => None,
    }
}

/// The weight of a bias.
fn bias_weight<'a>(tensor: &Tensor, all: All<'a>) -> Option<&'a Tensor> {
    let is_bias = matches!(tensor.role, Role::Bias | Role::PriorBias);
    let stem = own_name(tensor).strip_suffix("bias").filter(|_| is_bias)?;
    weight_of(stem, all)
}

/// The weight that a bias belongs to: beside it, called so, or the only matrix there.
fn weight_of<'a>(stem: &str, all: All<'a>) -> Option<&'a Tensor> {
    const MODULE: usize = 16;
    let called = |leaf: &&str| all.find(&format!("{stem}{leaf}"));
    let leaves = [
        "weight",
        "kernel",
        "weight_v",
        "parametrizations.weight.original1",
        "weight_orig",
        "parametrizations.weight.original",
    ];
    let named = leaves.iter().find_map(called);
    named.or_else(|| {
        let direct = |tensor: &&Tensor| !own_name(tensor)[stem.len()..].contains(['.', '/']);
        let mut matrices = all
            .under(stem)
            .take(MODULE)
            .filter(direct)
            .filter(|tensor| tensor.role.is_matrix());
        let only = matrices.next()?;
        matrices.next().is_none().then_some(only)
    })
}
