//! Functions of each element, and gates.

use super::site::Site;
use crate::activation::Activation;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::{Draft, Flow};

/// An activation of the catalogue.
pub(super) fn applied(site: &mut Site<'_>, function: Activation) -> Result<Flow, Problem> {
    site.numbers(0)?;
    let name = site.draft.activation(&site.x.name, function)?;
    Ok(site.alike(name))
}

fn named(text: &str) -> Result<Activation, Problem> {
    text.parse()
        .map_err(|error| Problem::other(format!("{error}")))
}

/// `activation(function)`: one whose name is a parameter.
pub(super) fn activation(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let function = site.given.text("function")?;
    let function = function.ok_or_else(|| Problem::other("\"function\" is missing"))?;
    let function = named(function)?;
    applied(site, function)
}

/// `prelu(count=1)`: a slope for all, or one for each channel.
pub(super) fn prelu(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let count = site.given.size_or("count", 1)?;
    if count != 1 && count != site.x.channels() {
        let channels = site.x.channels();
        return Err(Problem::other(format!(
            "there are 1 or {channels} slopes, not {count}"
        )));
    }
    let mut slope = site.weight("weight", &[count])?;
    let space = site.x.sizes.len() - 1;
    if count > 1 && space > 0 {
        let axes: Vec<i64> = (1..=space as i64).collect();
        let axes = site.draft.whole(&axes);
        slope = site.draft.node("Unsqueeze", &[&slope, &axes])?;
    }
    let x = site.x.name.clone();
    let name = site.draft.node("PRelu", &[&x, &slope])?;
    Ok(site.alike(name))
}

/// `softmax(axis=-1)`.
pub(super) fn softmax(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), -1)?;
    let node = Node::new("Softmax", &[&site.x.name], &[]);
    let name = site
        .draft
        .put(node.with("axis", Attribute::Int(axis as i64)))?;
    Ok(site.alike(name))
}

/// `glu(activation='sigmoid', axis=-1, gate='last')`: one half of the axis times the activation of
/// the other.
pub(super) fn glu(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), -1)?;
    let function = named(site.given.text("activation")?.unwrap_or("sigmoid"))?;
    let is_last = site.given.choice("gate", &["last", "first"])? == "last";
    let size = site.x.sizes[axis - 1];
    if !size.is_multiple_of(2) {
        return Err(Problem::other(format!("{size} has no halves")));
    }
    let halves = site
        .draft
        .split(&site.x.name, axis as i64, &[size / 2; 2])?;
    let (value, gate) = match is_last {
        true => (&halves[0], &halves[1]),
        false => (&halves[1], &halves[0]),
    };
    let gate = site.draft.activation(gate, function)?;
    let name = site.draft.node("Mul", &[value, &gate])?;
    let mut sizes = site.x.sizes.clone();
    sizes[axis - 1] = size / 2;
    Ok(site.made(name, sizes))
}

/// `times(number)`.
pub(super) fn scaled(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(0)?;
    let number = site.given.number_or("number", f64::NAN)?;
    if number.is_nan() {
        return Err(Problem::other("\"number\" is missing"));
    }
    times(site.draft, site.x, number)
}

/// A value times a number.
pub(in crate::network) fn times(draft: &mut Draft, x: &Flow, number: f64) -> Result<Flow, Problem> {
    let factor = draft.numbers(&[], &[number as f32]);
    let name = draft.node("Mul", &[&x.name, &factor])?;
    Ok(Flow {
        name,
        sizes: x.sizes.clone(),
        is_words: false,
    })
}

/// `dropout(share)`, `identity`: nothing happens to first weights.
pub(super) fn nothing(site: &mut Site<'_>) -> Result<Flow, Problem> {
    Ok(site.x.clone())
}
