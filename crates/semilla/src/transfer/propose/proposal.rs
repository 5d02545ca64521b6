//! Puts a proposal into words.

use std::hash::Hash;

use super::by_module::by_module;
use super::by_order::by_order;
use super::by_pattern::by_patterns;
use super::family::{Family, unmatched};
use super::renames::written;
use super::tokens::Digits;

/// The most renames that are printed: a large model needs as many, and they only help together.
const SHOWN: usize = 40;

/// Renames that may help where the names of sources and targets do not match, as options of the
/// command line.
///
/// Both lists are in their own order. A size is anything that a source must have in common with its
/// target: its shape, its sorted shape where layouts differ, or its number of elements.
pub(in crate::transfer) fn proposal<S: Copy + Ord + Hash>(
    sources: &[(&str, S)],
    targets: &[(&str, S)],
) -> String {
    let (from, to) = unmatched(sources, targets);
    let mut pairs = Vec::new();
    for digits in [Digits::Parts, Digits::All] {
        let open = by_patterns(&from, &to, &pairs, digits).0;
        pairs.extend(open);
        let siblings = by_module(&from, &to, &pairs);
        pairs.extend(siblings);
    }
    let ordered = by_order(&from, &to, &pairs);
    pairs.extend(ordered);
    let open = by_patterns(&from, &to, &pairs, Digits::Parts).1;
    let groups = written(sources, &from, &to, &pairs);
    let mut lines: Vec<String> = groups
        .iter()
        .take(SHOWN)
        .map(|(rename, count, grounds)| {
            let tensors = if *count == 1 { "tensor" } else { "tensors" };
            format!("  --rename '{rename}'  ({count} {tensors}, {grounds})")
        })
        .collect();
    if groups.len() > SHOWN {
        lines.push(format!("  and {} more renames", groups.len() - SHOWN));
    }
    let unsure: Vec<String> = open.iter().map(|(a, b)| could_be(a, b)).collect();
    lines.extend(unsure.iter().take(SHOWN).cloned());
    if unsure.len() > SHOWN {
        lines.push(format!(
            "  and {} more that stay open",
            unsure.len() - SHOWN
        ));
    }
    match lines.is_empty() {
        true => String::new(),
        false => format!("; sizes, numbers and order suggest\n{}", lines.join("\n")),
    }
}

fn could_be(sources: &[Family], targets: &[Family]) -> String {
    let list = |families: &[Family]| {
        let shown = families
            .iter()
            .take(3)
            .map(|family| family.pattern.as_str());
        let more = if families.len() > 3 { ", ..." } else { "" };
        shown.collect::<Vec<&str>>().join(", ") + more
    };
    format!(
        "  open: {} could each be any of {}",
        list(sources),
        list(targets)
    )
}
