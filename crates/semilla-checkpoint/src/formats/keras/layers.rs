//! Files of Keras 3, with a group `vars` per layer, and datasets of other origin.

use std::collections::{BTreeMap, HashSet};

use semilla::Layout;

use super::attributes::Attributes;
use super::names::distinct;
use super::problem::Problem;
use super::selection::{Named, Selection};
use super::tree::{Leaf, Tree};

/// The group of a layer's variables.
const VARIABLES: &str = "vars";
/// The lists of a model's layers; where Keras 2.13 wrote the second, it holds the variables and the
/// first does not.
const LISTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

pub(super) const OPTIMIZER: &str = "optimizer weights";
const GENERATORS: &str = "states of random generators";
const REPEATED: &str = "values kept a second time as layer dependencies";

/// Whether a path leads to the state of an optimizer.
pub(super) fn is_optimizer(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    matches!(first, "optimizer" | "optimizer_weights")
}

/// The layers' variables and all other datasets; `own` are the names that layers have, by their
/// paths.
pub(super) fn select(datasets: &[Leaf], own: &BTreeMap<String, String>) -> Selection {
    let mut selection = Selection::default();
    let kept = keep(datasets, &mut selection);
    let mut layers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &value in &kept {
        if let Some((layer, _)) = variable(&datasets[value].path) {
            layers.entry(layer).or_default().push(value);
        }
    }
    let paths: Vec<&str> = layers.keys().copied().collect();
    let choices: Vec<Vec<String>> = paths.iter().map(|path| layer_names(path, own)).collect();
    let chosen = distinct(&choices);
    let mut named: Vec<Option<Named>> = kept
        .iter()
        .map(|&value| {
            let name = datasets[value].path.clone();
            Some(Named {
                name,
                value,
                layout: None,
            })
        })
        .collect();
    let place: BTreeMap<usize, usize> = kept.iter().copied().zip(0..).collect();
    for (((path, values), names), at) in layers.iter().zip(&choices).zip(chosen) {
        for variable in variables(datasets, path, values, &names[at]) {
            let place = place[&variable.value];
            named[place] = Some(variable);
        }
    }
    selection.weights = named.into_iter().flatten().collect();
    selection
}

/// The datasets that are weights; the others are counted.
fn keep(datasets: &[Leaf], selection: &mut Selection) -> Vec<usize> {
    let paths: HashSet<&str> = datasets.iter().map(|leaf| &*leaf.path).collect();
    let (mut optimizer, mut generators, mut repeated) = (0, 0, 0);
    let mut kept = Vec::new();
    for (value, leaf) in datasets.iter().enumerate() {
        if is_optimizer(&leaf.path) {
            optimizer += 1;
        } else if is_generator(leaf) {
            generators += 1;
        } else if leaf.path.contains(LISTS[1])
            && paths.contains(&*leaf.path.replace(LISTS[1], LISTS[0]))
        {
            repeated += 1;
        } else {
            kept.push(value);
        }
    }
    selection.leave_out(optimizer, OPTIMIZER);
    selection.leave_out(generators, GENERATORS);
    selection.leave_out(repeated, REPEATED);
    kept
}

/// The path of a variable's layer and the variable's key: `layers/dense` and `0` of
/// `layers/dense/vars/0`.
fn variable(path: &str) -> Option<(&str, &str)> {
    let (folder, key) = path.rsplit_once('/')?;
    match folder.strip_suffix(VARIABLES)? {
        "" => Some(("", key)),
        layer => Some((layer.strip_suffix('/')?, key)),
    }
}

fn is_generator(leaf: &Leaf) -> bool {
    variable(&leaf.path).is_some_and(|(layer, _)| class(last(layer)) == "seed_generator")
}

/// The names that layers have, by their paths.
pub(super) fn own_names(tree: &Tree) -> Result<BTreeMap<String, String>, Problem> {
    let mut own = BTreeMap::new();
    for (path, group) in &tree.groups {
        let Some(layer) = path.strip_suffix("/vars") else {
            continue;
        };
        let name = Attributes::of_group(group)?.text("name");
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            own.insert(layer.to_owned(), name);
        }
    }
    Ok(own)
}

/// The names of a layer, the best first; the last is its path.
fn layer_names(path: &str, own: &BTreeMap<String, String>) -> Vec<String> {
    let mut names = Vec::new();
    if own.contains_key(path) {
        let (mut full, mut short) = (Vec::new(), Vec::new());
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let around = &path[..end];
            match own.get(around) {
                Some(name) => {
                    full.push(&**name);
                    short.push(&**name);
                }
                // A layer in a model's list does not belong to a layer.
                None if LISTS.contains(&last(around)) => short.clear(),
                None => {}
            }
        }
        names = vec![short.join("/"), full.join("/")];
    }
    names.push(path.replace(LISTS[1], LISTS[0]));
    names
}

/// The variables of a layer under its name.
fn variables(datasets: &[Leaf], path: &str, values: &[usize], layer: &str) -> Vec<Named> {
    let key = |value: usize| variable(&datasets[value].path).map_or("", |(_, key)| key);
    let numbered = values
        .iter()
        .enumerate()
        .all(|(number, &value)| key(value) == number.to_string());
    let shapes: Vec<&[u64]> = values
        .iter()
        .map(|&value| datasets[value].dataset.shape())
        .collect();
    let class = class(last(path));
    let known = numbered.then(|| variable_names(class, &shapes)).flatten();
    let mut named = Vec::with_capacity(values.len());
    for (number, &value) in values.iter().enumerate() {
        let own = known.map_or_else(|| key(value), |names| names[number]);
        let layout = known.and_then(|_| layout(class, own, shapes[number].len()));
        let name = match layer {
            "" => format!("{VARIABLES}/{own}"),
            _ => format!("{layer}/{own}"),
        };
        named.push(Named {
            name,
            value,
            layout,
        });
    }
    named
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The class that a group is called after, without the number that makes it unique: `conv2d` of
/// `conv2d_3`.
fn class(group: &str) -> &str {
    match group.rsplit_once('_') {
        Some((class, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => class,
        _ => group,
    }
}

/// Keras's names of the variables of a layer of this class, if number and ranks fit.
fn variable_names(class: &str, shapes: &[&[u64]]) -> Option<&'static [&'static str]> {
    const KERNEL: &[&str] = &["kernel", "bias"];
    const SEPARABLE: &[&str] = &["depthwise_kernel", "pointwise_kernel", "bias"];
    const NORM: &[&str] = &["gamma", "beta", "moving_mean", "moving_variance"];
    const CELL: &[&str] = &["kernel", "recurrent_kernel", "bias"];
    let ranks: Vec<usize> = shapes.iter().map(|shape| shape.len()).collect();
    let names = match (class, &ranks[..]) {
        ("dense", [2] | [2, 1])
        | ("conv1d" | "conv1d_transpose" | "depthwise_conv1d", [3] | [3, 1])
        | ("conv2d" | "conv2d_transpose" | "depthwise_conv2d", [4] | [4, 1])
        | ("conv3d" | "conv3d_transpose", [5] | [5, 1]) => KERNEL,
        ("einsum_dense" | "query_dense" | "key_dense" | "value_dense" | "output_dense", [rank])
            if *rank > 1 =>
        {
            KERNEL
        }
        ("separable_conv1d", [3, 3] | [3, 3, 1]) => SEPARABLE,
        ("separable_conv2d", [4, 4] | [4, 4, 1]) => SEPARABLE,
        ("batch_normalization", [1, 1, 1, 1]) => NORM,
        // Neither scaled nor centered.
        ("batch_normalization", [1, 1]) => &NORM[2..],
        ("layer_normalization" | "group_normalization", [_, _]) if shapes[0] == shapes[1] => NORM,
        ("rms_normalization", [_]) => &["scale"],
        ("embedding", [2]) => &["embeddings"],
        ("p_re_lu", [_]) => &["alpha"],
        ("cell" | "lstm_cell" | "gru_cell" | "simple_rnn_cell", [2, 2] | [2, 2, 1 | 2]) => CELL,
        (_, [kernel, bias]) if kernel > bias && *bias > 0 && shapes[0].ends_with(shapes[1]) => {
            KERNEL
        }
        (_, [1, 1, 1, 1]) if shapes.iter().all(|shape| shape == &shapes[0]) => NORM,
        _ => return None,
    };
    names.get(..shapes.len())
}

/// A variable's axes, where its name alone does not tell.
pub(super) fn layout(class: &str, variable: &str, rank: usize) -> Option<Layout> {
    let kernel = ["D", "H", "W"][3usize.saturating_sub(rank.saturating_sub(2))..].concat();
    let letters = match (class, variable) {
        ("depthwise_conv1d" | "depthwise_conv2d", "kernel") => format!("{kernel}EO"),
        (_, "pointwise_kernel") => format!("{kernel}IO"),
        ("conv1d_transpose" | "conv2d_transpose" | "conv3d_transpose", "kernel") => {
            format!("{kernel}OI^T")
        }
        ("query_dense" | "key_dense" | "value_dense", "kernel") if rank == 3 => {
            return Some(Layout::to_heads());
        }
        ("output_dense", "kernel") if rank == 3 => return Some(Layout::from_heads()),
        _ => return None,
    };
    letters.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_where_nothing_else_could_be_meant() {
        let named = |class, shapes: &[&[u64]]| variable_names(class, shapes).map(|n| n.join(" "));
        let none = |class, shapes: &[&[u64]]| assert_eq!(named(class, shapes), None);
        assert_eq!(named("dense", &[&[2, 3]]).unwrap(), "kernel");
        assert_eq!(named("side", &[&[2, 3], &[3]]).unwrap(), "kernel bias");
        let norm = "gamma beta moving_mean moving_variance";
        assert_eq!(named("bn", &[&[3], &[3], &[3], &[3]]).unwrap(), norm);
        let unscaled = named("batch_normalization", &[&[3], &[3]]).unwrap();
        assert_eq!(unscaled, "moving_mean moving_variance");
        // A dense layer without a bias or an embedding; a bias without a scale or the reverse.
        none("side", &[&[2, 3]]);
        none("batch_normalization", &[&[3], &[3], &[3]]);
        none("norm", &[&[3], &[3]]);
        none("dense", &[&[2, 3, 4], &[3]]);
        none("dense", &[&[2, 3], &[3], &[3]]);
        none("dense", &[]);
    }

    #[test]
    fn layers_are_named_by_themselves_then_by_what_is_around() {
        let own: BTreeMap<String, String> = [
            ("layers/functional", "left"),
            ("layers/functional/layers/dense", "project"),
            ("layers/mha", "attention"),
            ("layers/mha/query_dense", "query"),
            ("block1", "sequential"),
            ("block1/layers/conv2d", "block1_conv1"),
        ]
        .map(|(path, name)| (path.to_owned(), name.to_owned()))
        .into();
        let names = |path| layer_names(path, &own);
        let nested = "layers/functional/layers/dense";
        assert_eq!(names(nested), ["project", "left/project", nested]);
        let query = "layers/mha/query_dense";
        assert_eq!(names(query), ["attention/query", "attention/query", query]);
        assert_eq!(names("block1/layers/conv2d")[0], "block1_conv1");
        assert_eq!(names("layers/nameless"), ["layers/nameless"]);
    }
}
