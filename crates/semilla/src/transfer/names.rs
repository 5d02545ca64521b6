//! The names that a checkpoint's tensors get on their way to a model.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

pub(super) use super::propose::proposal;
use super::{Prefixes, TransferError};

/// A regular expression of a recipe is short.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Dotted prefixes are tried to this depth.
const DEPTH: usize = 4;
/// And so many of them on either side, the most frequent first.
const CANDIDATES: usize = 64;

/// Applies ordered renames to every name, each rule to what the earlier ones left.
///
/// # Errors
/// An expression that does not compile, or one that matches nothing.
pub(super) fn renamed(
    names: &[&str],
    rules: &[(String, String)],
) -> Result<Vec<String>, TransferError> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for (pattern, replacement) in rules {
        let regex = compile(pattern)?;
        let mut fired = false;
        for name in &mut names {
            if regex.is_match(name) {
                fired = true;
                *name = regex.replace_all(name, replacement.as_str()).into_owned();
            }
        }
        if !fired {
            return Err(TransferError::Unfired {
                what: "the rename",
                rule: pattern.clone(),
                side: "checkpoint",
                hint: String::new(),
            });
        }
    }
    Ok(names)
}

pub(super) fn compile(pattern: &str) -> Result<Regex, TransferError> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| TransferError::Pattern {
            pattern: pattern.to_owned(),
            problem: error.to_string(),
        })
}

/// How well two prefixes match: elements of targets that find their name and as many elements, then names alone.
type Score = (u64, usize);

/// The prefixes under which most of the model finds its names: of several that do, none if it is among them.
///
/// # Errors
/// Two that match equally well.
pub(super) fn best_prefixes(
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
        // Any two layers have a weight and a bias: a part of the checkpoint for a part of the model is for the user to say.
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
    // "a.b." to "a.b." is the same as "b." to "b.", and as nothing: the shortest says it.
    winners.sort_by_key(|p| (p.strip.len() + p.add.len(), p.strip.clone(), p.add.clone()));
    let first = winners.swap_remove(0);
    match winners.into_iter().find(|other| !is_longer(other, &first)) {
        Some(other) => Err(TransferError::Ambiguous(first, other)),
        None => Ok(first),
    }
}

/// Whether two prefixes are others with the same part put behind both.
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

/// The first name that occurs twice, with the places of both.
pub(super) fn collision(names: &[(usize, String)]) -> Option<(&str, usize, usize)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (place, name) in names {
        if let Some(first) = seen.insert(name, *place) {
            return Some((name, first, *place));
        }
    }
    None
}
