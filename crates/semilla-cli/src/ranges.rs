//! Many names in few words, none lost and none added: `layers.{0-6,8-11}.fc.weight`.

use std::collections::BTreeMap;

/// Names that differ in one number share a word. Every name is in exactly one word, and a word means exactly its names.
pub(crate) fn ranges(names: &[String]) -> Vec<String> {
    let mut words: Vec<Vec<String>> = names.iter().map(|name| parts(name)).collect();
    let longest = words.iter().map(Vec::len).max().unwrap_or(0);
    for place in (0..longest).rev() {
        words = merged(words, place);
    }
    words.into_iter().map(|parts| parts.concat()).collect()
}

/// `layers.`, `0`, `.fc.weight`.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for c in name.chars() {
        let is_digit = c.is_ascii_digit();
        match parts.last_mut() {
            Some(last) if last.ends_with(|c: char| c.is_ascii_digit()) == is_digit => last.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    parts
}

/// Merges words that differ in the number at one place only, in the order of their first.
fn merged(words: Vec<Vec<String>>, place: usize) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut out: Vec<(Vec<String>, Vec<u64>)> = Vec::new();
    for word in words {
        // A number that would not be written the same way again stays as it is.
        let number = word.get(place).and_then(|part| part.parse::<u64>().ok());
        let number = number.filter(|number| number.to_string() == word[place]);
        let Some(number) = number else {
            out.push((word, Vec::new()));
            continue;
        };
        let mut key = word.clone();
        key[place] = String::new();
        match groups.get(&key) {
            Some(&at) => out[at].1.push(number),
            None => {
                groups.insert(key, out.len());
                out.push((word, vec![number]));
            }
        }
    }
    let with_numbers = |(mut word, numbers): (Vec<String>, Vec<u64>)| {
        if numbers.len() > 1 {
            word[place] = format!("{{{}}}", runs(numbers));
        }
        word
    };
    out.into_iter().map(with_numbers).collect()
}

/// `0-6,8`.
fn runs(mut numbers: Vec<u64>) -> String {
    numbers.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let text = runs.iter().map(|&(start, end)| match start == end {
        true => start.to_string(),
        false => format!("{start}-{end}"),
    });
    text.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        ranges(
            &names
                .iter()
                .map(|name| name.to_string())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn gaps_and_partial_products_stay_visible() {
        assert_eq!(
            of(&["l.0.w", "l.1.w", "l.3.w", "l.0.b"]),
            ["l.{0-1,3}.w", "l.0.b"]
        );
        assert_eq!(
            of(&["l.0.e.0.w", "l.0.e.1.w", "l.1.e.0.w", "l.1.e.1.w"]),
            ["l.{0-1}.e.{0-1}.w"]
        );
        assert_eq!(of(&["l.0.e.0.w", "l.1.e.1.w"]), ["l.0.e.0.w", "l.1.e.1.w"]);
        assert_eq!(of(&["l.01.w", "l.1.w"]), ["l.01.w", "l.1.w"]);
    }
}
