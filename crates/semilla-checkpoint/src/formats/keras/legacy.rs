//! Files of Keras 2, which list their layers and each layer's weights in attributes.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::layers;
use super::names::distinct;
use super::reader::{Named, Problem, Selection};
use super::tree::Tree;
use crate::{Quoted, Remark};

/// Where a whole model keeps its weights.
const WHOLE: &str = "model_weights";
/// Weights of the model itself, beside those of its layers.
const TOP_LEVEL: &str = "top_level_model_weights";

/// The path of the group whose attributes list the layers, if the file is one of Keras 2.
pub(super) fn weights_group(tree: &Tree) -> Result<Option<&'static str>, Problem> {
    for path in [WHOLE, ""] {
        if let Some(group) = tree.groups.get(path)
            && Attributes::of_group(group)?.list("layer_names")?.is_some()
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The weights in the order of the lists.
pub(super) fn select(tree: &Tree, group: &str) -> Result<Selection, Problem> {
    let mut layer_names = Attributes::of_group(&tree.groups[group])?
        .list("layer_names")?
        .unwrap_or_default();
    if tree.groups.contains_key(&below(group, TOP_LEVEL)) {
        layer_names.push(TOP_LEVEL.to_owned());
    }
    let positions: HashMap<&str, usize> = tree
        .datasets
        .iter()
        .enumerate()
        .map(|(position, leaf)| (&*leaf.path, position))
        .collect();
    let mut values = Vec::new();
    let mut choices = Vec::new();
    for layer in &layer_names {
        let folder = below(group, layer);
        let of_layer = tree
            .groups
            .get(&folder)
            .ok_or_else(|| format!("the layer {} is listed and not there", Quoted::new(layer)))?;
        let weights = Attributes::of_group(of_layer)?.list("weight_names")?;
        for weight in weights.unwrap_or_default() {
            let path = below(&folder, &weight);
            let value = positions.get(&*path).ok_or_else(|| {
                format!("the weight {} is listed and not there", Quoted::new(&path))
            })?;
            values.push(*value);
            choices.push(names(layer, &weight));
        }
    }
    let mut selection = Selection::default();
    let chosen = distinct(&choices);
    for ((mut names, at), value) in choices.into_iter().zip(chosen).zip(values) {
        let name = names.swap_remove(at);
        let leaf = name.rsplit('/').next().unwrap_or_default();
        let rank = tree.datasets[value].dataset.ndim();
        let layout = layers::layout("", leaf, rank);
        selection.weights.push(Named {
            name,
            value,
            layout,
        });
    }
    if !group.is_empty() {
        let key = Quoted::new(group);
        selection.remarks.push(Remark::Unwrapped(key));
    }
    leave_out(tree, &mut selection);
    Ok(selection)
}

fn leave_out(tree: &Tree, selection: &mut Selection) {
    let mut listed = vec![false; tree.datasets.len()];
    for named in &selection.weights {
        listed[named.value] = true;
    }
    let (mut optimizer, mut unlisted) = (0, 0);
    for (leaf, _) in tree
        .datasets
        .iter()
        .zip(listed)
        .filter(|(_, listed)| !listed)
    {
        match layers::is_optimizer(&leaf.path) {
            true => optimizer += 1,
            false => unlisted += 1,
        }
    }
    selection.leave_out(optimizer, layers::OPTIMIZER);
    selection.leave_out(
        unlisted,
        "datasets that the file's list of layers does not name",
    );
}

fn below(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// The names of a weight, the best first.
fn names(layer: &str, weight: &str) -> Vec<String> {
    let weight = without_output(weight);
    if layer == TOP_LEVEL {
        return vec![weight.to_owned()];
    }
    let full = format!("{layer}/{weight}");
    let parts: Vec<&str> = weight.split('/').collect();
    let scopes = &parts[..parts.len() - 1];
    let own = scopes
        .iter()
        .position(|part| *part == layer)
        .or_else(|| scopes.iter().position(|part| is_numbered(part, layer)));
    match own {
        Some(at) => vec![format!("{layer}/{}", parts[at + 1..].join("/")), full],
        None => vec![full],
    }
}

/// Without TensorFlow's number of an operation's output: `kernel:0`.
fn without_output(weight: &str) -> &str {
    match weight.rsplit_once(':') {
        Some((name, number)) if is_number(number) => name,
        _ => weight,
    }
}

/// Whether a scope is the layer's name with a number that made it unique: `conv2d_1_1` of `conv2d_1`.
fn is_numbered(scope: &str, layer: &str) -> bool {
    scope
        .strip_prefix(layer)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_named_once() {
        for (layer, weight, name) in [
            ("conv2d_1", "conv2d_1_1/kernel:0", "conv2d_1/kernel"),
            ("dense", "dense/bias:0", "dense/bias"),
            ("dense", "model/dense/kernel", "dense/kernel"),
            ("encoder", "dense_3/kernel:0", "encoder/dense_3/kernel"),
            ("dense", "dense", "dense/dense"),
            ("dense", "dense_1/dense/kernel", "dense/kernel"),
            (
                "both",
                "both/forward/cell/kernel:0",
                "both/forward/cell/kernel",
            ),
            (TOP_LEVEL, "token:0", "token"),
            ("odd", "w:x", "odd/w:x"),
        ] {
            assert_eq!(names(layer, weight)[0], name, "{layer} {weight}");
        }
        assert_eq!(names("a", "a_1/w:0"), ["a/w", "a/a_1/w"]);
    }
}
