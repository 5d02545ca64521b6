//! Pairs of a source and its target.

use std::collections::HashSet;
use std::fmt;

use super::family::Named;

/// The grounds for a rename, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grounds {
    Sizes,
    Names,
    Order,
}

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grounds::Sizes => "by sizes that no others have",
            Grounds::Names => "by sizes and parts of the names",
            Grounds::Order => "by sizes and order alone: check it",
        })
    }
}

/// The index of a source, that of its target, and the grounds.
pub(super) type Pair = (usize, usize, Grounds);

/// The indices on either side that are not paired yet.
pub(super) fn unpaired<S>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    paired: &[Pair],
) -> (Vec<usize>, Vec<usize>) {
    let sources: HashSet<usize> = paired.iter().map(|pair| pair.0).collect();
    let targets: HashSet<usize> = paired.iter().map(|pair| pair.1).collect();
    let without = |len: usize, taken: HashSet<usize>| -> Vec<usize> {
        (0..len).filter(|index| !taken.contains(index)).collect()
    };
    (without(from.len(), sources), without(to.len(), targets))
}
