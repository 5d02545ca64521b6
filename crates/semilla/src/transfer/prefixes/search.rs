//! Finds the prefixes under which a checkpoint's names match a model's.

use std::collections::HashMap;

use super::pair::Prefixes;
use crate::transfer::error::TransferError;

/// How many parts a prefix may have.
const DEPTH: usize = 4;
/// How many prefixes of the checkpoint are tried, the most frequent first.
const CANDIDATES: usize = 64;

/// How well two prefixes match: the elements of targets whose source has the same name and size,
/// then the targets whose name is found.
type Score = (u64, usize);

/// The prefixes under which most of the model finds its names. The empty pair wins over others that
/// match equally well.
///
/// # Errors
/// Two choices match equally well.
pub(in crate::transfer) fn best_prefixes(
    sources: &[(&str, u64)],
    targets: &[(&str, u64)],
) -> Result<Prefixes, TransferError> {
    let mut best: Vec<(Score, Prefixes)> = Vec::new();
    for strip in candidates(sources) {
        let remainders: HashMap<&str, u64> = sources
            .iter()
            .filter_map(|&(name, size)| Some((name.strip_prefix(strip)?, size)))
            .collect();
        let mut scores: HashMap<&str, Score> = HashMap::new();
        for &(name, size) in targets {
            for add in prefixes(name) {
                if let Some(&found) = remainders.get(&name[add.len()..]) {
                    let score = scores.entry(add).or_default();
                    score.0 += if found == size { size } else { 0 };
                    score.1 += 1;
                }
            }
        }
        // Any two layers have a weight and a bias, so matching a part of the checkpoint with a part
        // of the model is left to the user.
        let is_most = 2 * remainders.len() > sources.len();
        scores.retain(|add, _| is_most || strip.is_empty() || add.is_empty());
        best.extend(scores.into_iter().map(|(add, score)| {
            let (strip, add) = (strip.to_owned(), add.to_owned());
            (score, Prefixes { strip, add })
        }));
    }
    let Some(top) = best.iter().map(|(score, _)| *score).max() else {
        return Ok(Prefixes::default());
    };
    let mut winners: Vec<Prefixes> = best
        .into_iter()
        .filter_map(|(score, prefixes)| (score == top).then_some(prefixes))
        .collect();
    if winners.contains(&Prefixes::default()) {
        return Ok(Prefixes::default());
    }
    // "a.b." to "a.b." means the same as "b." to "b.", and as nothing: the shortest wins.
    winners.sort_by_key(|p| (p.strip.len() + p.add.len(), p.strip.clone(), p.add.clone()));
    let first = winners.swap_remove(0);
    match winners.into_iter().find(|other| !is_longer(other, &first)) {
        Some(other) => Err(TransferError::Ambiguous(first, other)),
        None => Ok(first),
    }
}

/// Whether `long` is `short` with the same text behind both prefixes.
fn is_longer(long: &Prefixes, short: &Prefixes) -> bool {
    let (strip, add) = (
        long.strip.strip_prefix(&short.strip),
        long.add.strip_prefix(&short.add),
    );
    strip.is_some() && strip == add
}

/// The dotted prefixes of the names, the most frequent first.
fn candidates<'a>(names: &[(&'a str, u64)]) -> Vec<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (name, _) in names {
        for prefix in prefixes(name) {
            *counts.entry(prefix).or_default() += 1;
        }
    }
    let mut ordered: Vec<(&str, usize)> = counts.into_iter().collect();
    ordered.sort_by_key(|&(prefix, count)| (std::cmp::Reverse(count), prefix));
    ordered.truncate(CANDIDATES);
    ordered.into_iter().map(|(prefix, _)| prefix).collect()
}

/// `""`, `"a."`, `"a.b."`... of `"a.b.c"`.
fn prefixes(name: &str) -> impl Iterator<Item = &str> {
    let ends = name.match_indices(['.', '/']).map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(ends)
        .take(DEPTH + 1)
        .map(|end| &name[..end])
}
