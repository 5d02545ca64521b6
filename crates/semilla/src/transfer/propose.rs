//! Renames that may be meant where names do not match.
//!
//! Nothing here decides: a proposal is text in an error, each line with its grounds, and it is printed only if carrying
//! it out does what it says. Grounds, the strongest first: names that are alike but for their numbers and parts, with
//! the same sizes in the order of the numbers, and no other such names on either side; the same with others, of which
//! one ends as the target does; the same modules in the same order. What stays open is listed, not guessed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use super::names::renamed;

/// Renames that are printed: a large model needs so many, and they are only good together.
const SHOWN: usize = 40;
/// More names of one sort than this are not compared with each other.
const MOST_ALIKE: usize = 256;
/// Renaming a model of this many names times rules takes well below a second.
const MOST_RENAMES: usize = 1 << 21;

/// What speaks for a rename, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grounds {
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

/// Which digits count layers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digits {
    /// Those that are a part of their own, as in `layers.3.conv1`: 3.
    Parts,
    /// All: 3 and 1.
    All,
}

/// A name in tokens: separators, digits, and what is between.
#[derive(Clone, Debug)]
struct Name<'a> {
    whole: &'a str,
    tokens: Vec<&'a str>,
}

impl<'a> Name<'a> {
    fn new(whole: &'a str) -> Self {
        let kind = |c: char| match c {
            '.' | '/' => 0,
            '0'..='9' => 1,
            _ => 2,
        };
        let mut tokens = Vec::new();
        let mut start = 0;
        let mut before = None;
        for (at, c) in whole.char_indices() {
            let now = kind(c);
            if before.is_some_and(|before| before != now || now == 0) {
                tokens.push(&whole[start..at]);
                start = at;
            }
            before = Some(now);
        }
        tokens.push(&whole[start..]);
        Self { whole, tokens }
    }

    /// Whether the token is one of the numbers.
    fn is_number(&self, token: usize, digits: Digits) -> bool {
        let is = |place: Option<usize>, what: fn(&str) -> bool| {
            let token = place.and_then(|place| self.tokens.get(place));
            token.is_none_or(|token| what(token))
        };
        let alone = || is(token.checked_sub(1), is_separator) && is(Some(token + 1), is_separator);
        is_digits(self.tokens[token]) && (digits == Digits::All || alone())
    }

    /// The name with `*` for its numbers.
    fn pattern(&self, digits: Digits) -> String {
        let token = |place: usize| match self.is_number(place, digits) {
            true => "*",
            false => self.tokens[place],
        };
        (0..self.tokens.len()).map(token).collect()
    }

    fn numbers(&self, digits: Digits) -> Vec<u64> {
        let numbers = (0..self.tokens.len()).filter(|&place| self.is_number(place, digits));
        let value = |place: usize| self.tokens[place].parse().unwrap_or(u64::MAX);
        numbers.map(value).collect()
    }

    /// Its module, and the rest: all but the last part, and that.
    fn split(&self) -> (&'a str, &'a str) {
        let end = self.whole.rfind(['.', '/']).map_or(0, |at| at + 1);
        self.whole.split_at(end)
    }

    /// How many parts at the end are like the other's: the same, or both numbers.
    fn likeness(&self, other: &Self) -> usize {
        let ends = |name: &Self| name.whole.rsplit(['.', '/']).collect::<Vec<&str>>();
        let like = |(a, b): &(&str, &str)| a == b || is_digits(a) && is_digits(b);
        let pairs = ends(self).into_iter().zip(ends(other));
        pairs.take_while(like).count()
    }

    /// How many tokens at the end are the other's, a separator not being the first of them.
    fn common_end(&self, other: &Self) -> usize {
        let pairs = self.tokens.iter().rev().zip(other.tokens.iter().rev());
        let same = pairs.take_while(|(a, b)| a == b).count();
        match same.checked_sub(1) {
            Some(less) if is_separator(self.tokens[self.tokens.len() - same]) => less,
            _ => same,
        }
    }
}

fn is_separator(token: &str) -> bool {
    matches!(token, "." | "/")
}

fn is_digits(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

/// The names of one pattern, in the order of their numbers.
struct Sort {
    pattern: String,
    members: Vec<usize>,
}

/// A source's place, its target's, and why.
type Pair = (usize, usize, Grounds);

/// Renames that may be meant where the names of sources and targets do not match, as options of the command line.
///
/// Both lists are in their own order. A size is anything that a tensor of a source must have in common with its target: its
/// shape, its sorted shape where layouts differ, or its count of elements.
pub(super) fn proposal<S: Copy + Ord + Hash>(
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
        lines.push(format!("  and {} more that are open", unsure.len() - SHOWN));
    }
    match lines.is_empty() {
        true => String::new(),
        false => format!("; sizes, numbers and order suggest\n{}", lines.join("\n")),
    }
}

fn could_be(sources: &[Sort], targets: &[Sort]) -> String {
    let list = |sorts: &[Sort]| {
        let shown = sorts.iter().take(3).map(|sort| sort.pattern.as_str());
        let more = if sorts.len() > 3 { ", ..." } else { "" };
        shown.collect::<Vec<&str>>().join(", ") + more
    };
    format!(
        "  open: {} could each be any of {}",
        list(sources),
        list(targets)
    )
}

type Named<'a, S> = (Name<'a>, S);

/// The names but for those of a pattern that both sides have with the same numbers and sizes. With other numbers, even the
/// same name may mean another layer.
fn unmatched<'a, 'b, S: Copy + Eq>(
    sources: &[(&'a str, S)],
    targets: &[(&'b str, S)],
) -> (Vec<Named<'a, S>>, Vec<Named<'b, S>>) {
    let (from, to) = (named(sources), named(targets));
    let places = |names: &[Named<'_, S>]| -> Vec<usize> { (0..names.len()).collect() };
    let of_target = by_pattern(&to, &places(&to), Digits::Parts);
    let mut matched: HashSet<String> = HashSet::new();
    for (pattern, members) in by_pattern(&from, &places(&from), Digits::Parts) {
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
    each.map(|&(name, size)| (Name::new(name), size)).collect()
}

fn without<'a, S>(mut names: Vec<Named<'a, S>>, patterns: &HashSet<String>) -> Vec<Named<'a, S>> {
    names.retain(|(name, _)| !patterns.contains(&name.pattern(Digits::Parts)));
    names
}

/// Some of the names by their pattern, in the order of their numbers.
fn by_pattern<S>(
    names: &[Named<'_, S>],
    places: &[usize],
    digits: Digits,
) -> BTreeMap<String, Vec<usize>> {
    let mut patterns: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &place in places {
        let pattern = names[place].0.pattern(digits);
        patterns.entry(pattern).or_default().push(place);
    }
    for members in patterns.values_mut() {
        members.sort_by_cached_key(|&place| names[place].0.numbers(digits));
    }
    patterns
}

/// Sorts of names whose sizes leave more than one way.
type Open = Vec<(Vec<Sort>, Vec<Sort>)>;

/// Pairs of patterns with the same sizes in the order of their numbers, among the names that are not paired yet.
fn by_patterns<S: Copy + Ord + Hash>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    paired: &[Pair],
    digits: Digits,
) -> (Vec<Pair>, Open) {
    let (sources, targets) = left(from, to, paired);
    let mut pairs = Vec::new();
    let mut open = Vec::new();
    let mut others = sorts(to, &targets, digits);
    for (sizes, sources) in sorts(from, &sources, digits) {
        let Some(targets) = others.remove(&sizes) else {
            continue;
        };
        let grounds = match (sources.len(), targets.len()) {
            // Later, the others may have found their names before.
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

/// The places on either side that no pair has.
fn left<S>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    paired: &[Pair],
) -> (Vec<usize>, Vec<usize>) {
    let sources: HashSet<usize> = paired.iter().map(|pair| pair.0).collect();
    let targets: HashSet<usize> = paired.iter().map(|pair| pair.1).collect();
    let without = |len: usize, taken: HashSet<usize>| -> Vec<usize> {
        (0..len).filter(|place| !taken.contains(place)).collect()
    };
    (without(from.len(), sources), without(to.len(), targets))
}

/// Some of the names as sorts, by the sizes of their members.
fn sorts<S: Copy + Ord>(
    names: &[Named<'_, S>],
    places: &[usize],
    digits: Digits,
) -> BTreeMap<Vec<S>, Vec<Sort>> {
    let mut sorts: BTreeMap<Vec<S>, Vec<Sort>> = BTreeMap::new();
    for (pattern, members) in by_pattern(names, places, digits) {
        let sizes = members.iter().map(|&place| names[place].1).collect();
        sorts
            .entry(sizes)
            .or_default()
            .push(Sort { pattern, members });
    }
    sorts
}

/// Names that are not paired yet, but others of their module are, all with one module: the tensor of the same last part
/// there, if it has the size.
fn by_module<S: Copy + Eq>(
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
    let (sources, targets) = left(from, to, paired);
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

/// Those that go together alone or by the end of their names, each the other's one best; and the rest of both sides.
fn by_ending<S>(
    sources: Vec<Sort>,
    targets: Vec<Sort>,
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
) -> (Vec<(Sort, Sort)>, Vec<Sort>, Vec<Sort>) {
    if sources.len().max(targets.len()) > MOST_ALIKE {
        return (Vec::new(), sources, targets);
    }
    let alone = sources.len() == 1 && targets.len() == 1;
    let likeness = |source: &Sort, target: &Sort| {
        let (a, b) = (&from[source.members[0]].0, &to[target.members[0]].0);
        a.likeness(b) + usize::from(alone)
    };
    let best = |scores: Vec<usize>| -> Option<usize> {
        let most = scores.iter().copied().max().filter(|&most| most > 0)?;
        let mut winners = (0..scores.len()).filter(|&i| scores[i] == most);
        winners.next().filter(|_| winners.next().is_none())
    };
    let of_source = |s: &Sort| best(targets.iter().map(|t| likeness(s, t)).collect());
    let of_target = |t: &Sort| best(sources.iter().map(|s| likeness(s, t)).collect());
    let chosen: Vec<Option<usize>> = sources.iter().map(of_source).collect();
    let back: Vec<Option<usize>> = targets.iter().map(of_target).collect();
    let mut left: Vec<Option<Sort>> = targets.into_iter().map(Some).collect();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for (place, (source, target)) in sources.into_iter().zip(chosen).enumerate() {
        let mutual = target.filter(|&target| back[target] == Some(place));
        match mutual.and_then(|target| left[target].take()) {
            Some(target) => pairs.push((source, target)),
            None => rest.push(source),
        }
    }
    (pairs, rest, left.into_iter().flatten().collect())
}

/// A module's tensors, in their order.
struct Module<S> {
    tensors: Vec<usize>,
    /// Sorted: which of a module's tensors comes first says nothing.
    sizes: Vec<S>,
}

/// The modules of both sides that are left, one by one, if both sides have the same ones in the same order.
///
/// Modules of sizes that the other side does not have, such as another head, do not count.
fn by_order<S: Copy + Ord + Hash>(
    from: &[Named<'_, S>],
    to: &[Named<'_, S>],
    pairs: &[Pair],
) -> Vec<Pair> {
    let (sources, targets) = left(from, to, pairs);
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

/// The modules of some names, in the order in which the model runs through them; `None` if it is not known, since the
/// names are sorted as text.
fn in_order<S: Copy + Ord>(
    names: &[Named<'_, S>],
    mut places: Vec<usize>,
) -> Option<Vec<Module<S>>> {
    let is_sorted = names.len() > 2 && names.is_sorted_by_key(|(name, _)| name.whole);
    if is_sorted {
        let pattern = |&place: &usize| Name::new(names[place].0.split().0).pattern(Digits::All);
        let first = places.first().map(pattern);
        if places.iter().map(pattern).any(|other| Some(other) != first) {
            return None;
        }
        // Layers of one list, which their numbers order.
        places.sort_by_cached_key(|&place| names[place].0.numbers(Digits::All));
    }
    let modules = places.chunk_by(|&a, &b| names[a].0.split().0 == names[b].0.split().0);
    let module = |tensors: &[usize]| {
        let mut sizes: Vec<S> = tensors.iter().map(|&place| names[place].1).collect();
        sizes.sort_unstable();
        let tensors = tensors.to_vec();
        Module { tensors, sizes }
    };
    Some(modules.map(module).collect())
}

/// The tensors of two modules: by the last parts of their names if those are the same, otherwise by their sizes if those
/// differ.
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

/// A rename as an option, how many tensors it is for, and its grounds.
type Rename = (String, usize, Grounds);

/// The pairs as few renames, in an order in which they may be given. Empty if no order does what the pairs say.
fn written<S: Copy>(
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
    for form in [Form::Heads, Form::Modules, Form::Patterns, Form::Names] {
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

/// How much of a name a rename holds: the shorter, the fewer renames, and the more names besides that it may change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Up to where both names are the same.
    Heads,
    /// Up to the last part.
    Modules,
    /// All of it, any numbers.
    Patterns,
    /// All of it as it is.
    Names,
}

struct Rule {
    pattern: String,
    replacement: String,
    tensors: usize,
    grounds: Grounds,
    /// Names that it changes, and what they become, in the order of the pairs.
    changes: Vec<(String, String)>,
}

fn rules<S>(from: &[Named<'_, S>], to: &[Named<'_, S>], pairs: &[Pair], form: Form) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for &(source, target, grounds) in pairs {
        let (a, b) = (&from[source].0, &to[target].0);
        if a.whole == b.whole {
            continue;
        }
        let (pattern, replacement) = rule(a, b, form);
        let key = (pattern, replacement);
        let place = *places
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
        let rule = &mut rules[place];
        rule.tensors += 1;
        rule.grounds = rule.grounds.max(grounds);
        rule.changes.push((a.whole.to_owned(), b.whole.to_owned()));
    }
    rules
}

/// The rename of one pair.
fn rule(a: &Name<'_>, b: &Name<'_>, form: Form) -> (String, String) {
    let end = match form {
        Form::Heads => a.common_end(b),
        Form::Modules => a.common_end(b).min(1),
        Form::Patterns | Form::Names => 0,
    };
    let (tokens_a, tokens_b) = (
        &a.tokens[..a.tokens.len() - end],
        &b.tokens[..b.tokens.len() - end],
    );
    let digits = |tokens: &[&'_ str]| -> Vec<String> {
        let digits = tokens.iter().filter(|token| is_digits(token));
        digits.map(|token| (*token).to_owned()).collect()
    };
    // A number that both have at its place may be any.
    let numbers = digits(tokens_a).into_iter().zip(digits(tokens_b));
    let any: Vec<bool> = numbers
        .map(|(a, b)| form != Form::Names && a == b)
        .collect();
    let mut pattern = "^".to_owned();
    let mut at = 0;
    for token in tokens_a {
        let is_any = is_digits(token) && any.get(at) == Some(&true);
        at += usize::from(is_digits(token));
        pattern += &if is_any {
            r"(\d+)".to_owned()
        } else {
            escaped(token)
        };
    }
    if end == 0 {
        pattern.push('$');
    }
    let mut replacement = String::new();
    let (mut at, mut group) = (0, 0);
    for token in tokens_b {
        let is_any = is_digits(token) && any.get(at) == Some(&true);
        at += usize::from(is_digits(token));
        group += usize::from(is_any);
        replacement += &if is_any {
            format!("${{{group}}}")
        } else {
            token.replace('$', "$$")
        };
    }
    (pattern, replacement)
}

/// As a regular expression that the command line reads as it is: an option ends its pattern at the first `=`, and stands
/// in quotes.
fn escaped(part: &str) -> String {
    regex::escape(part)
        .replace('=', r"\x3d")
        .replace('\'', r"\x27")
}

/// An order in which no rename changes what another has made; `None` if there is none.
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
        // What it makes is left alone by all that still wait.
        let is_free = |place: usize| {
            let others = waiting.iter().enumerate().filter(|(i, _)| *i != place);
            let regexes: Vec<&regex::Regex> = others.map(|(_, (_, regex))| regex).collect();
            let made = waiting[place].0.changes.iter().map(|(_, new)| new);
            made.clone()
                .all(|new| regexes.iter().all(|regex| !regex.is_match(new)))
        };
        let free = (0..waiting.len()).find(|&place| is_free(place))?;
        ordered.push(waiting.remove(free).0);
    }
    Some(ordered)
}

/// Whether the renames do to all names what is wanted, and give no other name a target that is wanted.
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

#[cfg(test)]
mod tests;
