//! Pairs modules that come in the same order.

use std::collections::HashSet;
use std::hash::Hash;

use super::family::Named;
use super::pair::{Grounds, Pair, unpaired};
use super::tokens::{Digits, Tokens};

/// The tensors of a module, in their order.
struct Module<S> {
    tensors: Vec<usize>,
    /// Sorted, since the order within a module means nothing.
    sizes: Vec<S>,
}

/// Pairs the modules that are left, one by one, if both sides have the same ones in the same order.
///
/// Modules of sizes that the other side does not have, such as a different head, do not count.
pub(super) fn by_order<S: Copy + Ord + Hash>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    pairs: &[Pair],
) -> Vec<Pair> {
    let (sources, targets) = unpaired(from, to, pairs);
    let (Some(mut a), Some(mut b)) = (in_order(from, sources), in_order(to, targets)) else {
        return Vec::new();
    };
    let sizes = |modules: &[Module<S>]| -> HashSet<Vec<S>> {
        modules.iter().map(|module| module.sizes.clone()).collect()
    };
    let (of_a, of_b) = (sizes(&a), sizes(&b));
    a.retain(|module| of_b.contains(&module.sizes));
    b.retain(|module| of_a.contains(&module.sizes));
    let is_same = a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.sizes == b.sizes);
    if !is_same {
        return Vec::new();
    }
    let both = a.iter().zip(&b);
    let pairs: Option<Vec<Vec<Pair>>> = both.map(|(a, b)| within(from, to, a, b)).collect();
    pairs.unwrap_or_default().concat()
}

/// The modules in the order in which the model runs through them; `None` if it is not known, since
/// the names are sorted as text.
fn in_order<S: Copy + Ord>(
    names: &[Named<'_, S>],
    mut indices: Vec<usize>,
) -> Option<Vec<Module<S>>> {
    let is_sorted = names.len() > 2 && names.is_sorted_by_key(|(name, _)| name.whole);
    if is_sorted {
        let pattern = |&index: &usize| Tokens::new(names[index].0.split().0).pattern(Digits::All);
        let first = indices.first().map(pattern);
        if indices
            .iter()
            .map(pattern)
            .any(|other| Some(other) != first)
        {
            return None;
        }
        // Layers of one list, which their numbers order.
        indices.sort_by_cached_key(|&index| names[index].0.numbers(Digits::All));
    }
    let modules = indices.chunk_by(|&a, &b| names[a].0.split().0 == names[b].0.split().0);
    let module = |tensors: &[usize]| {
        let mut sizes: Vec<S> = tensors.iter().map(|&index| names[index].1).collect();
        sizes.sort_unstable();
        let tensors = tensors.to_vec();
        Module { tensors, sizes }
    };
    Some(modules.map(module).collect())
}

/// Pairs the tensors of two modules by their sizes, or by the last parts of their names where
/// several have one size.
fn within<S: Copy + Eq>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    a: &Module<S>,
    b: &Module<S>,
) -> Option<Vec<Pair>> {
    let one = |source: usize| {
        let same_size = |&&target: &&usize| to[target].1 == from[source].1;
        let named = |&&target: &&usize| to[target].0.split().1 == from[source].0.split().1;
        let fitting: Vec<&usize> = b.tensors.iter().filter(same_size).collect();
        let target = match &fitting[..] {
            [one] => Some(**one),
            several => several.iter().copied().find(named).copied(),
        };
        target.map(|target| (source, target, Grounds::Order))
    };
    let pairs: Vec<Pair> = a
        .tensors
        .iter()
        .map(|&source| one(source))
        .collect::<Option<_>>()?;
    let distinct: HashSet<usize> = pairs.iter().map(|(_, target, _)| *target).collect();
    (distinct.len() == pairs.len()).then_some(pairs)
}
