//! Facts that a tensor takes from the tensors around it.

use super::index::{All, own_name};
use super::layouts::hidden_size;
use crate::layout::{Axis, FanRule};
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::{BiasFanIn, Tensor};

/// `[C, 1, kernel...]` is a depthwise convolution when the weight before it in the list gives C
/// channels: the first convolution of a model of one-channel images has the same shape, but is
/// not depthwise.
pub(super) fn mark_depthwise(tensors: &mut [Tensor]) {
    let mut before = None;
    for tensor in tensors {
        let channels = match tensor.role {
            Role::Conv | Role::ResidualOut | Role::PatchEmbedding => tensor.shape.first().copied(),
            _ => None,
        };
        let named = ["dw", "depthwise"]
            .iter()
            .any(|word| tensor.name.contains(word));
        let single = tensor.shape.len() > 2 && tensor.shape[1] == 1 && tensor.shape[0] > 1;
        if tensor.role == Role::Conv && single && (named || before == Some(tensor.shape[0])) {
            let groups = tensor.shape[0];
            if let Some(layout) = tensor.layout.take_if(|l| l.axis(Axis::Out) == Some(0)) {
                tensor.layout = Some(layout.grouped(groups));
            }
        }
        before = channels.or(before);
    }
}

/// Sets each bias's fan_in to its weight's.
pub(super) fn join_biases(tensors: &mut [Tensor], by_name: &[usize]) {
    for place in 0..tensors.len() {
        let fan_in = bias_fan_in(&tensors[place], All::new(tensors, by_name));
        tensors[place].bias_fan_in = fan_in;
    }
}

fn bias_fan_in(tensor: &Tensor, all: All<'_>) -> Option<BiasFanIn> {
    let text = own_name(tensor);
    match tensor.role {
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias => {
            let hidden = hidden_size(text, Name::new(text).leaf(), all)?;
            Some(BiasFanIn::of(hidden as f64))
        }
        Role::Bias => {
            let stem = text.strip_suffix("bias")?;
            ["weight", "kernel"].iter().find_map(|leaf| {
                let weight = all.find(&format!("{stem}{leaf}"))?;
                let layout = weight.layout.as_ref()?;
                let fan_in = |rule| Some(layout.fans_by(rule, &weight.shape).ok()?.fan_in);
                Some(BiasFanIn {
                    exact: fan_in(FanRule::Exact)?,
                    pytorch: fan_in(FanRule::Pytorch)?,
                })
            })
        }
        _ => None,
    }
}
