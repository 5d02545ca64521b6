//! Names that differ in numbers only, as one pattern: `blocks.{0..11}.attn.qkv.weight`.
//!
//! A pattern stands for exactly the names that it was made of: each combination of its numbers is
//! one of them. Where names do not form such a product, several patterns share them.

use std::collections::HashMap;
use std::hash::Hash;

/// Rows that share a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The one name, or the pattern of all names.
    pub(crate) pattern: String,
    /// Which rows these are, in order; never empty.
    pub(crate) members: Vec<usize>,
}

impl Folded {
    /// A row by itself.
    pub(crate) fn single(name: &str, member: usize) -> Self {
        Self {
            pattern: name.to_owned(),
            members: vec![member],
        }
    }

    /// Its rows, of all rows.
    pub(crate) fn of<'a, T>(&self, all: &'a [T]) -> Vec<&'a T> {
        self.members.iter().map(|&row| &all[row]).collect()
    }

    /// The pattern, with how many names it stands for if there are several.
    pub(crate) fn label(&self) -> String {
        match self.members.len() {
            1 => self.pattern.clone(),
            several => format!("{} ×{several}", self.pattern),
        }
    }
}

/// Puts rows with equal keys, and with names equal up to numbers, on one line, in the order of each
/// line's first row.
pub(crate) fn fold<'a, K: Eq + Hash>(rows: impl Iterator<Item = (&'a str, K)>) -> Vec<Folded> {
    let mut groups: HashMap<(K, Vec<&str>), Vec<Product>> = HashMap::new();
    for (row, (name, key)) in rows.enumerate() {
        let (texts, numbers) = parts(name);
        let group = groups.entry((key, texts)).or_default();
        group.push(Product::of(row, numbers));
    }
    let mut lines: Vec<Folded> = Vec::new();
    for ((_, texts), products) in groups {
        let products = (0..texts.len() - 1).rev().fold(products, merged);
        lines.extend(products.into_iter().map(|product| Folded {
            pattern: product.pattern(&texts),
            members: product.rows,
        }));
    }
    lines.sort_unstable_by_key(|line| line.members[0]);
    lines
}

/// Rows on lines: those with equal keys, and with names equal up to numbers, on one, unless `full`.
pub(crate) fn lines<'a, T, K: Eq + Hash>(
    rows: &'a [T],
    full: bool,
    name: impl Fn(&'a T) -> &'a str,
    key: impl Fn(&'a T) -> K,
) -> Vec<Folded> {
    match full {
        true => {
            let single = |(row, own)| Folded::single(name(own), row);
            rows.iter().enumerate().map(single).collect()
        }
        false => fold(rows.iter().map(|own| (name(own), key(own)))),
    }
}

/// Many names in few words.
pub(crate) fn ranges(names: &[String]) -> Vec<String> {
    let lines = fold(names.iter().map(|name| (name.as_str(), ())));
    lines.into_iter().map(|line| line.pattern).collect()
}

/// Rows whose names have every combination of these numbers.
struct Product {
    rows: Vec<usize>,
    /// The numbers at each place of the name, in order.
    numbers: Vec<Vec<u64>>,
}

impl Product {
    fn of(row: usize, numbers: Vec<u64>) -> Self {
        Self {
            rows: vec![row],
            numbers: numbers.into_iter().map(|number| vec![number]).collect(),
        }
    }

    fn pattern(&self, texts: &[&str]) -> String {
        let mut pattern = String::new();
        for (place, text) in texts.iter().enumerate() {
            pattern += text;
            if let Some(numbers) = self.numbers.get(place) {
                pattern += &set(numbers);
            }
        }
        pattern
    }
}

/// Merges products that differ at one place only, where each still has a single number.
fn merged(products: Vec<Product>, place: usize) -> Vec<Product> {
    let mut firsts: HashMap<Vec<Vec<u64>>, usize> = HashMap::new();
    let mut out: Vec<Product> = Vec::new();
    for product in products {
        let mut others = product.numbers.clone();
        others.remove(place);
        let first = *firsts.entry(others).or_insert(out.len());
        match out.get_mut(first) {
            Some(own) => {
                own.numbers[place].extend(&product.numbers[place]);
                own.rows.extend(product.rows);
            }
            None => out.push(product),
        }
    }
    for product in &mut out {
        product.rows.sort_unstable();
        product.numbers[place].sort_unstable();
        product.numbers[place].dedup();
    }
    out
}

/// The texts around a name's numbers, and the numbers. A run of digits that would not be written
/// the same way again (`01`) is text.
fn parts(name: &str) -> (Vec<&str>, Vec<u64>) {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    let (mut text, mut at) = (0, 0);
    let bytes = name.as_bytes();
    while at < bytes.len() {
        let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit());
        let end = at + digits.count();
        let run = &name[at..end];
        let is_plain = run == "0" || !run.starts_with('0');
        match run.parse().ok().filter(|_| is_plain) {
            Some(number) => {
                texts.push(&name[text..at]);
                numbers.push(number);
                text = end;
                at = end;
            }
            // Past the digits, or past one other character.
            None => at = end.max(at + 1 + continuation(&bytes[at + 1..])),
        }
    }
    texts.push(&name[text..]);
    (texts, numbers)
}

/// How many bytes go on with a character of UTF-8.
fn continuation(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&b| b & 0xC0 == 0x80).count()
}

/// `7`, `{0..6}`, `{0..6,8,10}`.
fn set(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, end)) if number - *end == 1 => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let text = runs.iter().map(|&(start, end)| match end - start {
        0 => start.to_string(),
        1 => format!("{start},{end}"),
        _ => format!("{start}..{end}"),
    });
    let text = text.collect::<Vec<_>>().join(",");
    match numbers.len() {
        1 => text,
        _ => format!("{{{text}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_partial_products_stay_visible() {
        let cases: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["", "é.0", "é.1"], &["", "é.{0,1}"]),
            (
                &["l.0.w", "l.1.w", "l.3.w", "l.4.w", "l.5.w", "l.0.b"],
                &["l.{0,1,3..5}.w", "l.0.b"],
            ),
            (
                &["l.0.e.0.w", "l.0.e.1.w", "l.1.e.0.w", "l.1.e.1.w"],
                &["l.{0,1}.e.{0,1}.w"],
            ),
            (&["l.0.e.0.w", "l.1.e.1.w"], &["l.0.e.0.w", "l.1.e.1.w"]),
            (
                &["l.0.e.0", "l.0.e.1", "l.1.e.0", "l.1.e.1", "l.2.e.0"],
                &["l.{0,1}.e.{0,1}", "l.2.e.0"],
            ),
            // Not written the same way, or too large for a number.
            (&["l.01.w", "l.1.w"], &["l.01.w", "l.1.w"]),
            (
                &["99999999999999999999.1", "99999999999999999999.2"],
                &["99999999999999999999.{1,2}"],
            ),
            (
                &["18446744073709551615", "18446744073709551614"],
                &["{18446744073709551614,18446744073709551615}"],
            ),
        ];
        for (names, patterns) in cases {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            assert_eq!(ranges(&names), *patterns);
        }
    }

    #[test]
    fn rows_share_a_line_only_with_equal_keys() {
        let rows = ["h.0.w", "h.0.b", "h.1.w", "h.1.b", "h.2.w", "h.2.b"];
        let keys = [0, 1, 0, 1, 9, 1];
        let lines = fold(rows.into_iter().zip(keys));
        let folded = |pattern: &str, members: &[usize]| Folded {
            pattern: pattern.to_owned(),
            members: members.to_vec(),
        };
        let expected = [
            folded("h.{0,1}.w", &[0, 2]),
            folded("h.{0..2}.b", &[1, 3, 5]),
            folded("h.2.w", &[4]),
        ];
        assert_eq!(lines, expected);
        assert_eq!(lines[1].label(), "h.{0..2}.b ×3");
        assert_eq!(lines[2], Folded::single("h.2.w", 4));
    }

    /// Whatever the names, the patterns stand for exactly these.
    #[test]
    fn patterns_say_every_name_once() {
        let mut names = Vec::new();
        let mut state = 1_u64;
        for _ in 0..300 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let [a, b, c] = [33, 43, 53].map(|shift| (state >> shift) % 5);
            names.push(format!("a.{a}.b{b}.c_{c}"));
        }
        names.sort();
        names.dedup();
        let lines = fold(names.iter().map(|name| (name.as_str(), ())));
        let mut said: Vec<String> = lines.iter().flat_map(|line| said(&line.pattern)).collect();
        said.sort();
        assert_eq!(said, names);
        assert!(lines.len() < names.len() / 2);
        let mut members: Vec<usize> = lines.into_iter().flat_map(|line| line.members).collect();
        members.sort_unstable();
        assert!(members.into_iter().eq(0..names.len()));
    }

    /// The names that a pattern stands for.
    fn said(pattern: &str) -> Vec<String> {
        let Some((before, rest)) = pattern.split_once('{') else {
            return vec![pattern.to_owned()];
        };
        let (set, after) = rest.split_once('}').unwrap();
        let mut names = Vec::new();
        for run in set.split(',') {
            let (start, end) = run.split_once("..").unwrap_or((run, run));
            for number in start.parse::<u64>().unwrap()..=end.parse().unwrap() {
                names.extend(
                    said(after)
                        .iter()
                        .map(|after| format!("{before}{number}{after}")),
                );
            }
        }
        names
    }
}
