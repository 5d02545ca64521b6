//! Families of names: those that differ in their numbers only.

use std::collections::{BTreeMap, HashSet};

use super::tokens::{Digits, Tokens};

/// The names of one pattern, in the order of their numbers, by their indices.
pub(super) struct Family {
    pub(super) pattern: String,
    pub(super) members: Vec<usize>,
}

pub(super) type Named<'a, S> = (Tokens<'a>, S);

/// The names without those of a pattern that both sides have with the same numbers and sizes. With
/// other numbers, even the same name may mean a different layer.
pub(super) fn unmatched<'a, 'b, S: Copy + Eq>(
    sources: &[(&'a str, S)],
    targets: &[(&'b str, S)],
) -> (Vec<Named<'a, S>>, Vec<Named<'b, S>>) {
    let (from, to) = (named(sources), named(targets));
    let indices = |names: &[Named<'_, S>]| -> Vec<usize> { (0..names.len()).collect() };
    let of_target = by_pattern(&to, &indices(&to), Digits::Parts);
    let mut matched: HashSet<String> = HashSet::new();
    for (pattern, members) in by_pattern(&from, &indices(&from), Digits::Parts) {
        let same = |others: &Vec<usize>| {
            let mut both = members.iter().zip(others);
            let equal = |(&a, &b): (&usize, &usize)| {
                from[a].0.whole == to[b].0.whole && from[a].1 == to[b].1
            };
            members.len() == others.len() && both.all(equal)
        };
        if of_target.get(&pattern).is_some_and(same) {
            matched.insert(pattern);
        }
    }
    (without(from, &matched), without(to, &matched))
}

fn named<'a, S: Copy>(names: &[(&'a str, S)]) -> Vec<Named<'a, S>> {
    let each = names.iter();
    each.map(|&(name, size)| (Tokens::new(name), size))
        .collect()
}

fn without<'a, S>(mut names: Vec<Named<'a, S>>, patterns: &HashSet<String>) -> Vec<Named<'a, S>> {
    names.retain(|(name, _)| !patterns.contains(&name.pattern(Digits::Parts)));
    names
}

/// The names with these indices by their pattern, in the order of their numbers.
pub(super) fn by_pattern<S>(
    names: &[Named<'_, S>],
    indices: &[usize],
    digits: Digits,
) -> BTreeMap<String, Vec<usize>> {
    let mut patterns: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &index in indices {
        let pattern = names[index].0.pattern(digits);
        patterns.entry(pattern).or_default().push(index);
    }
    for members in patterns.values_mut() {
        members.sort_by_cached_key(|&index| names[index].0.numbers(digits));
    }
    patterns
}

/// The names with these indices as families, by the sizes of their members.
pub(super) fn families<S: Copy + Ord>(
    names: &[Named<'_, S>],
    indices: &[usize],
    digits: Digits,
) -> BTreeMap<Vec<S>, Vec<Family>> {
    let mut families: BTreeMap<Vec<S>, Vec<Family>> = BTreeMap::new();
    for (pattern, members) in by_pattern(names, indices, digits) {
        let sizes = members.iter().map(|&index| names[index].1).collect();
        families
            .entry(sizes)
            .or_default()
            .push(Family { pattern, members });
    }
    families
}
