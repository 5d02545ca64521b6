//! Pairs tensors of modules that are paired already.

use std::collections::{HashMap, HashSet};

use super::family::Named;
use super::pair::{Grounds, Pair, unpaired};

/// Pairs names whose module is paired with one module otherwise: each with the tensor there that
/// has the same last part, if it has the same size.
pub(super) fn by_module<S: Copy + Eq>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    paired: &[Pair],
) -> Vec<Pair> {
    let mut modules: HashMap<&str, Option<&str>> = HashMap::new();
    for &(source, target, _) in paired {
        let (module, other) = (from[source].0.split().0, to[target].0.split().0);
        let known = modules.entry(module).or_insert(Some(other));
        if *known != Some(other) {
            *known = None;
        }
    }
    let (sources, targets) = unpaired(from, to, paired);
    let named: HashMap<(&str, &str), usize> = targets
        .iter()
        .map(|&target| (to[target].0.split(), target))
        .collect();
    let mut taken = HashSet::new();
    let pairs = sources.into_iter().filter_map(|source| {
        let (module, last) = from[source].0.split();
        let other = modules.get(module).copied().flatten()?;
        let target = *named.get(&(other, last))?;
        let fits = from[source].1 == to[target].1 && taken.insert(target);
        fits.then_some((source, target, Grounds::Names))
    });
    pairs.collect()
}
