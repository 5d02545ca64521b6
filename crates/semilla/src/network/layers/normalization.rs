//! Normalizations.

use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::Flow;

fn epsilon(site: &Site<'_>, default: f64) -> Result<Attribute, Problem> {
    Ok(Attribute::Float(
        site.given.number_or("eps", default)? as f32
    ))
}

/// `batch_norm(eps=1e-5)`: of each channel, over samples and space.
pub(super) fn batch(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let channels = [site.x.channels()];
    let mut inputs = vec![site.x.name.clone()];
    for leaf in ["weight", "bias", "running_mean", "running_var"] {
        inputs.push(site.weight(leaf, &channels)?);
    }
    let counter = site.tensor("num_batches_tracked");
    site.draft.counter(&counter);
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let node = Node::new("BatchNormalization", &inputs, &[]);
    let name = site.draft.put(node.with("epsilon", epsilon(site, 1e-5)?))?;
    Ok(site.alike(name))
}

/// `layer_norm(eps=1e-5, bias=true, axis=-1, affine=true)`: over one axis.
pub(super) fn layer(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axes = site.x.sizes.len();
    let axis = site.given.axis("axis", axes, -1)?;
    let size = [site.x.sizes[axis - 1]];
    let is_affine = site.given.flag("affine", true)?;
    let mut inputs = vec![match is_affine {
        true => site.weight("weight", &size)?,
        false => site.draft.filled(size[0], 1.0)?,
    }];
    if is_affine && site.given.flag("bias", true)? {
        inputs.push(site.weight("bias", &size)?);
    }
    // The axis goes last, and back.
    let mut order: Vec<usize> = (0..=axes).filter(|&other| other != axis).collect();
    order.push(axis);
    let is_last = axis == axes;
    let x = match is_last {
        true => site.x.name.clone(),
        false => site.draft.permuted(&site.x.name, &order)?,
    };
    let mut operands = vec![&*x];
    operands.extend(inputs.iter().map(String::as_str));
    let node = Node::new("LayerNormalization", &operands, &[]);
    let mut name = site.draft.put(node.with("epsilon", epsilon(site, 1e-5)?))?;
    if !is_last {
        let mut back = vec![0; axes + 1];
        for (place, &axis) in order.iter().enumerate() {
            back[axis] = place;
        }
        name = site.draft.permuted(&name, &back)?;
    }
    Ok(site.alike(name))
}

/// `rms_norm(eps=1e-6, offset=false)`: over the last axis; with an offset it multiplies by 1 + w.
pub(super) fn rms(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let mut scale = site.weight("weight", &[site.x.features()])?;
    if site.given.flag("offset", false)? {
        site.draft.state(&scale, |facts| {
            facts.role(crate::model::Role::OffsetNormWeight)
        });
        let one = site.draft.numbers(&[1], &[1.0]);
        scale = site.draft.node("Add", &[&scale, &one])?;
    }
    let x = site.x.name.clone();
    let node = Node::new("RMSNormalization", &[&x, &scale], &[]);
    let name = site.draft.put(node.with("epsilon", epsilon(site, 1e-6)?))?;
    Ok(site.alike(name))
}

/// `group_norm(groups=32, eps=1e-5)`: over the channels of a group and space.
pub(super) fn group(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let channels = site.x.channels();
    let groups = site.given.size_or("groups", 32)?;
    if !channels.is_multiple_of(groups) {
        return Err(Problem::other(format!(
            "{channels} channels cannot be split into {groups} groups"
        )));
    }
    let [scale, shift] = [
        site.weight("weight", &[channels])?,
        site.weight("bias", &[channels])?,
    ];
    let x = site.x.name.clone();
    let node = Node::new("GroupNormalization", &[&x, &scale, &shift], &[])
        .with("num_groups", Attribute::Int(groups as i64))
        .with("epsilon", epsilon(site, 1e-5)?);
    let name = site.draft.put(node)?;
    Ok(site.alike(name))
}

/// `instance_norm(eps=1e-5, affine=true)`: of each channel of each sample, over space.
pub(super) fn instance(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let channels = site.x.channels();
    let [scale, shift] = match site.given.flag("affine", true)? {
        true => [
            site.weight("weight", &[channels])?,
            site.weight("bias", &[channels])?,
        ],
        false => [
            site.draft.filled(channels, 1.0)?,
            site.draft.filled(channels, 0.0)?,
        ],
    };
    let x = site.x.name.clone();
    let node = Node::new("InstanceNormalization", &[&x, &scale, &shift], &[]);
    let name = site.draft.put(node.with("epsilon", epsilon(site, 1e-5)?))?;
    Ok(site.alike(name))
}
