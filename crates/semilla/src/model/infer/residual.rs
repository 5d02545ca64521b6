//! Residual blocks: which tensors end them, how they are numbered, how wide their stream is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::before::natural;
use super::index::own_name;
use crate::activation::Activation;
use crate::model::names::{is_number, numbered_block};
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// Stages hold blocks, and those hold none.
const LEVELS: usize = 3;

/// A name up to each number in it that counts modules.
pub(super) struct Path {
    /// The container of what the first number counts: `encoder.layers`.
    stack: String,
    /// The name up to the first number, up to the second...
    levels: Vec<String>,
}

impl Path {
    pub(super) fn of(text: &str) -> Option<Self> {
        let parts = parts(text);
        // The tensor's own module may be the first number, not a later one.
        let first = first_counted(&parts)?;
        let inner = (first + 1)..parts.len().saturating_sub(2).max(first + 1);
        let is_expert = |at: usize| parts[at - 1].contains("expert");
        let inner = inner.filter(|&at| is_counted(parts[at]) && !is_expert(at));
        let upto = |at: usize| parts[..=at].join(".");
        Some(Self {
            stack: stack(&parts, first),
            levels: std::iter::once(first)
                .chain(inner)
                .take(LEVELS)
                .map(upto)
                .collect(),
        })
    }
}

/// The container of what the first number in a name counts: `encoder.layers`.
pub(super) fn stack_of(text: &str) -> Option<String> {
    let parts = parts(text);
    Some(stack(&parts, first_counted(&parts)?))
}

fn parts(text: &str) -> Vec<&str> {
    text.split(['.', '/']).collect()
}

fn is_counted(part: &str) -> bool {
    is_number(part) || numbered_block(part).is_some()
}

fn first_counted(parts: &[&str]) -> Option<usize> {
    parts.iter().position(|part| is_counted(part))
}

fn stack(parts: &[&str], first: usize) -> String {
    let mut stack = parts[..first].join(".");
    stack.truncate(stack.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    match numbered_block(parts[first]) {
        Some((word, _)) => format!("{stack}.{word}"),
        None => stack,
    }
}

/// The end of a residual branch.
struct End {
    path: Path,
    role: Role,
}

/// Numbers the residual blocks of each stack in natural order and sets each tensor's own; the
/// number in the highest stack, if there is any.
///
/// Encoder and decoder, text and vision are stacks of their own; the stages of one network are one
/// stack.
pub(super) fn number_blocks(tensors: &mut [Tensor]) -> Option<usize> {
    let roles = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
    let mut stacks: BTreeMap<String, Vec<End>> = BTreeMap::new();
    for tensor in tensors.iter().filter(|tensor| roles.contains(&tensor.role)) {
        if let Some(path) = Path::of(own_name(tensor)) {
            let ends = stacks.entry(path.stack.clone()).or_default();
            let role = tensor.role;
            ends.push(End { path, role });
        }
    }
    let stacks: HashMap<String, Stack> = stacks
        .into_iter()
        .map(|(name, ends)| (name, Stack::of(&ends)))
        .collect();
    for tensor in tensors {
        let path = Path::of(own_name(tensor));
        let found = path.and_then(|path| {
            let stack = stacks.get(&path.stack)?;
            let place = stack.places.get(path.levels.get(stack.level)?)?;
            Some((*place, stack.places.len()))
        });
        (tensor.depth, tensor.layers) = found.unzip();
    }
    stacks.values().map(|stack| stack.places.len()).max()
}

struct Stack {
    /// Which number of a name counts the blocks.
    level: usize,
    /// The blocks' names and places.
    places: HashMap<String, usize>,
}

impl Stack {
    fn of(ends: &[End]) -> Self {
        let level = (0..LEVELS)
            .find(|&level| !holds_blocks(ends, level))
            .unwrap_or(0);
        let names: BTreeSet<&str> = ends
            .iter()
            .filter_map(|end| end.path.levels.get(level).map(String::as_str))
            .collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_key(|name| natural(name));
        let places = names.into_iter().enumerate();
        let places = places
            .map(|(place, name)| (name.to_owned(), place))
            .collect();
        Self { level, places }
    }
}

/// Whether what a number counts are stages: each holds numbered parts, and all of these end the
/// same kinds of branches. The numbered parts of a block (T5's attention and feed-forward layers)
/// differ.
fn holds_blocks(ends: &[End], level: usize) -> bool {
    let mut inner: BTreeMap<&str, BTreeSet<Role>> = BTreeMap::new();
    for end in ends {
        let Some(name) = end.path.levels.get(level + 1) else {
            return false;
        };
        inner.entry(name).or_default().insert(end.role);
    }
    let mut kinds = inner.values();
    let first = kinds.next();
    kinds.all(|kinds| Some(kinds) == first)
}

/// Marks the last convolution and the last normalization of each residual unit of convolutions
/// (`conv3`, `bn3`), and the convolutions in it that a normalization follows.
pub(super) fn mark_residual_units(tensors: &mut [Tensor]) {
    let place = |name: &str, stem: &str| -> Option<(String, u32)> {
        let parts: Vec<&str> = name.split('.').collect();
        let module = parts.len().checked_sub(2)?;
        let number = parts[module].strip_prefix(stem)?.parse().ok()?;
        is_number(parts.get(module.checked_sub(1)?)?).then(|| (parts[..module].join("."), number))
    };
    // What an activation follows at once ends no branch: nothing is added to it, or 0 of it would
    // let no gradient back.
    let is_activated = |tensor: &Tensor| {
        let after = tensor.activation;
        after.is_some_and(|after| after != Activation::Linear)
    };
    let mut last: HashMap<String, (u32, bool)> = HashMap::new();
    for tensor in tensors.iter().filter(|tensor| tensor.role == Role::Conv) {
        if let Some((unit, number)) = place(&tensor.name, "conv") {
            let last = last.entry(unit).or_default();
            *last = (number, is_activated(tensor)).max(*last);
        }
    }
    last.retain(|_, &mut (number, _)| number > 1);
    let norms = tensors
        .iter()
        .filter(|tensor| tensor.role == Role::NormWeight);
    // Where it is told which convolutions a normalization follows, names say no more: that of a unit
    // may come before its convolution, and 0 of it would leave the branch without gradients for good.
    let is_told = tensors
        .iter()
        .any(|tensor| tensor.role == Role::Conv && tensor.is_normalized);
    // As many as the convolution makes: before it, there would be as many as it takes.
    let sizes: HashMap<(String, u32), Vec<usize>> = norms
        .filter_map(|norm| Some((place(&norm.name, "bn")?, norm.shape.clone())))
        .collect();
    let follows: HashSet<(String, u32)> = (tensors.iter())
        .filter(|tensor| tensor.role == Role::Conv && (!is_told || tensor.is_normalized))
        .filter_map(|tensor| {
            let place = place(&tensor.name, "conv")?;
            let size = sizes.get(&place)?;
            (size.first() == tensor.shape.first()).then_some(place)
        })
        .collect();
    for tensor in tensors {
        let stem = if tensor.role == Role::Conv {
            "conv"
        } else {
            "bn"
        };
        let Some((unit, number)) = place(&tensor.name, stem) else {
            continue;
        };
        let is_last = last.get(&unit) == Some(&(number, false));
        let is_in_unit = last.contains_key(&unit);
        match tensor.role {
            Role::Conv if is_in_unit => {
                tensor.is_normalized |= follows.contains(&(unit, number));
                if is_last {
                    tensor.role = Role::ResidualOut;
                }
            }
            Role::NormWeight if is_last && follows.contains(&(unit, number)) => {
                tensor.role = Role::LastNormWeight;
            }
            _ => {}
        }
    }
}

/// The width of the residual stream: the largest embedding's, or the most common size of a
/// normalization.
pub(super) fn width(tensors: &[Tensor]) -> Option<usize> {
    let embedding = tensors
        .iter()
        .filter(|tensor| tensor.role == Role::Embedding)
        .filter(|tensor| tensor.shape.len() == 2)
        .map(|tensor| (tensor.shape[0], tensor.shape[1]))
        .max()
        .map(|(_, width)| width);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::model::{Convention, Evidence, Facts, Model, Source};

    /// The roles of the last convolution and the last normalization of a unit, whose convolution
    /// goes to an activation, if any.
    fn ends(after: Option<Activation>) -> [Role; 2] {
        let unit = ["conv1", "bn1", "conv2", "bn2"];
        let tensors = unit.map(|layer| {
            let shape = match layer.starts_with("conv") {
                true => vec![8, 8, 3, 3],
                false => vec![8],
            };
            (format!("layer1.0.{layer}.weight"), shape, DType::F32)
        });
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        if let Some(after) = after {
            let facts = Facts::from(Source::Graph).activation(after);
            evidence.add("layer1.0.conv2.weight", facts);
        }
        let model = Model::derive(tensors, evidence);
        [2, 3].map(|place| model.tensors[place].role)
    }

    #[test]
    fn what_goes_to_an_activation_ends_no_branch() {
        let branch = [Role::ResidualOut, Role::LastNormWeight];
        assert_eq!(ends(None), branch);
        assert_eq!(ends(Some(Activation::Linear)), branch);
        assert_eq!(ends(Some(Activation::Relu)), [Role::Conv, Role::NormWeight]);
    }
}
