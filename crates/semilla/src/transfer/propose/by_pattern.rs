//! Pairs families of the same sizes.

use std::hash::Hash;

use super::family::{Family, Named, families};
use super::pair::{Grounds, Pair, unpaired};
use super::tokens::Digits;

/// Families of more names than this are not compared with each other.
const MOST_ALIKE: usize = 256;

/// Families that could be paired in more than one way.
pub(super) type Open = Vec<(Vec<Family>, Vec<Family>)>;

/// Pairs families with the same sizes in the order of their numbers, among names not paired yet.
pub(super) fn by_patterns<S: Copy + Ord + Hash>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    paired: &[Pair],
    digits: Digits,
) -> (Vec<Pair>, Open) {
    let (sources, targets) = unpaired(from, to, paired);
    let mut pairs = Vec::new();
    let mut open = Vec::new();
    let mut others = families(to, &targets, digits);
    for (sizes, sources) in families(from, &sources, digits) {
        let Some(targets) = others.remove(&sizes) else {
            continue;
        };
        let grounds = match (sources.len(), targets.len()) {
            // In later rounds, other families of these sizes may be paired already.
            (1, 1) if paired.is_empty() => Grounds::Sizes,
            _ => Grounds::Names,
        };
        let (chosen, sources, targets) = by_ending(sources, targets, from, to);
        for (source, target) in chosen {
            let both = source.members.iter().zip(&target.members);
            pairs.extend(both.map(|(&source, &target)| (source, target, grounds)));
        }
        if !sources.is_empty() && !targets.is_empty() {
            open.push((sources, targets));
        }
    }
    (pairs, open)
}

/// Pairs families that are alone, or each other's one best by the ends of their names. Returns the
/// pairs and the rest of both sides.
fn by_ending<S>(
    sources: Vec<Family>,
    targets: Vec<Family>,
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
) -> (Vec<(Family, Family)>, Vec<Family>, Vec<Family>) {
    if sources.len().max(targets.len()) > MOST_ALIKE {
        return (Vec::new(), sources, targets);
    }
    let alone = sources.len() == 1 && targets.len() == 1;
    let likeness = |source: &Family, target: &Family| {
        let (a, b) = (&from[source.members[0]].0, &to[target.members[0]].0);
        a.likeness(b) + usize::from(alone)
    };
    let best = |scores: Vec<usize>| -> Option<usize> {
        let most = scores.iter().copied().max().filter(|&most| most > 0)?;
        let mut winners = (0..scores.len()).filter(|&i| scores[i] == most);
        winners.next().filter(|_| winners.next().is_none())
    };
    let of_source = |s: &Family| best(targets.iter().map(|t| likeness(s, t)).collect());
    let of_target = |t: &Family| best(sources.iter().map(|s| likeness(s, t)).collect());
    let chosen: Vec<Option<usize>> = sources.iter().map(of_source).collect();
    let back: Vec<Option<usize>> = targets.iter().map(of_target).collect();
    let mut left: Vec<Option<Family>> = targets.into_iter().map(Some).collect();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for (index, (source, target)) in sources.into_iter().zip(chosen).enumerate() {
        let mutual = target.filter(|&target| back[target] == Some(index));
        match mutual.and_then(|target| left[target].take()) {
            Some(target) => pairs.push((source, target)),
            None => rest.push(source),
        }
    }
    (pairs, rest, left.into_iter().flatten().collect())
}
