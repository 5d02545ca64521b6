//! Turns pairs into renames that can be given in order.

use std::collections::{HashMap, HashSet};

use super::expression::{Form, rule};
use super::family::Named;
use super::pair::{Grounds, Pair};
use crate::transfer::rename::renamed;

/// The most names times rules that are tried: renaming as many takes well below a second.
const MOST_RENAMES: usize = 1 << 21;

/// A rename as an option, the number of tensors it is for, and its grounds.
pub(super) type Rename = (String, usize, Grounds);

/// Writes the pairs as few renames, in an order that works. Empty if no order does.
pub(super) fn written<S: Copy>(
    sources: &[(&str, S)],
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    pairs: &[Pair],
) -> Vec<Rename> {
    let wanted: HashMap<&str, &str> = pairs
        .iter()
        .map(|&(source, target, _)| (from[source].0.whole, to[target].0.whole))
        .collect();
    let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
    for form in [Form::Beginnings, Form::Modules, Form::Patterns, Form::Names] {
        let rules = rules(from, to, pairs, form);
        if rules.len().saturating_mul(names.len()) > MOST_RENAMES {
            continue;
        }
        if let Some(ordered) = ordered(rules)
            && does(&names, &wanted, &ordered)
        {
            let option = |rule: Rule| {
                let text = format!("{}={}", rule.pattern, rule.replacement);
                (text, rule.tensors, rule.grounds)
            };
            return ordered.into_iter().map(option).collect();
        }
    }
    Vec::new()
}

struct Rule {
    pattern: String,
    replacement: String,
    tensors: usize,
    grounds: Grounds,
    /// The names that it changes and the names that they get, in the order of the pairs.
    changes: Vec<(String, String)>,
}

fn rules<S>(from: &[Named<'_, S>], to: &[Named<'_, S>], pairs: &[Pair], form: Form) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut indices: HashMap<(String, String), usize> = HashMap::new();
    for &(source, target, grounds) in pairs {
        let (a, b) = (&from[source].0, &to[target].0);
        if a.whole == b.whole {
            continue;
        }
        let (pattern, replacement) = rule(a, b, form);
        let key = (pattern, replacement);
        let index = *indices
            .entry(key)
            .or_insert_with_key(|(pattern, replacement)| {
                rules.push(Rule {
                    pattern: pattern.clone(),
                    replacement: replacement.clone(),
                    tensors: 0,
                    grounds,
                    changes: Vec::new(),
                });
                rules.len() - 1
            });
        let rule = &mut rules[index];
        rule.tensors += 1;
        rule.grounds = rule.grounds.max(grounds);
        rule.changes.push((a.whole.to_owned(), b.whole.to_owned()));
    }
    rules
}

/// An order in which no rename changes a name that an earlier one made; `None` if there is none.
fn ordered(rules: Vec<Rule>) -> Option<Vec<Rule>> {
    let mut waiting: Vec<(Rule, regex::Regex)> = rules
        .into_iter()
        .map(|rule| {
            regex::Regex::new(&rule.pattern)
                .ok()
                .map(|regex| (rule, regex))
        })
        .collect::<Option<_>>()?;
    let tensors: usize = waiting.iter().map(|(rule, _)| rule.tensors).sum();
    if waiting.len().pow(2).saturating_mul(tensors) > MOST_RENAMES {
        return Some(waiting.into_iter().map(|(rule, _)| rule).collect());
    }
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        // The names that it makes are not changed by any that still wait.
        let is_free = |index: usize| {
            let others = waiting.iter().enumerate().filter(|(i, _)| *i != index);
            let regexes: Vec<&regex::Regex> = others.map(|(_, (_, regex))| regex).collect();
            let made = waiting[index].0.changes.iter().map(|(_, new)| new);
            made.clone()
                .all(|new| regexes.iter().all(|regex| !regex.is_match(new)))
        };
        let free = (0..waiting.len()).find(|&index| is_free(index))?;
        ordered.push(waiting.remove(free).0);
    }
    Some(ordered)
}

/// Whether the renames give every source its target, and no other name a target.
fn does(names: &[&str], wanted: &HashMap<&str, &str>, rules: &[Rule]) -> bool {
    let options: Vec<(String, String)> = rules
        .iter()
        .map(|rule| (rule.pattern.clone(), rule.replacement.clone()))
        .collect();
    let taken: HashSet<&str> = wanted.values().copied().collect();
    let Ok(new) = renamed(names, &options) else {
        return false;
    };
    names
        .iter()
        .zip(&new)
        .all(|(old, new)| match wanted.get(old) {
            Some(target) => new == target,
            None => !taken.contains(new.as_str()),
        })
}
