//! Texts that differ in numbers only, as one text with ranges: `N(0, 0.014..0.0035)`.

/// A text with its numbers as `#`: texts with the same mask can be spanned.
pub(crate) fn mask(text: &str) -> String {
    let tokens = tokens(text).into_iter();
    tokens
        .map(|(token, is_number)| if is_number { "#" } else { token })
        .collect()
}

/// The texts of several rows as one: where their numbers differ, from the first row's to the last
/// row's. The texts must have the same mask.
pub(crate) fn span(texts: &[String]) -> String {
    let (Some(first), Some(last)) = (texts.first(), texts.last()) else {
        return String::new();
    };
    let rows: Vec<Vec<(&str, bool)>> = texts.iter().map(|text| tokens(text)).collect();
    let pairs = tokens(first).into_iter().zip(tokens(last)).enumerate();
    let spans = pairs.map(|(place, ((from, is_number), (to, _)))| {
        let is_same = rows
            .iter()
            .all(|row| row.get(place).is_some_and(|(own, _)| *own == from));
        match is_number && !is_same {
            true if from == to => format!("{from}.."),
            true => format!("{from}..{to}"),
            false => from.to_owned(),
        }
    });
    spans.collect()
}

/// The numbers of a text, and the text between them.
fn tokens(text: &str) -> Vec<(&str, bool)> {
    let mut tokens = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let is_start = bytes[at].is_ascii_digit() && !continues_a_word(&text[..at]);
        if !is_start {
            at += 1;
            continue;
        }
        if start < at {
            tokens.push((&text[start..at], false));
        }
        let end = at + number(&bytes[at..]);
        tokens.push((&text[at..end], true));
        (start, at) = (end, end);
    }
    if start < text.len() {
        tokens.push((&text[start..], false));
    }
    tokens
}

/// Whether a digit after this belongs to a word, such as `gpt2`.
fn continues_a_word(before: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length of the number that begins here: digits, a fraction, an exponent.
fn number(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if bytes.get(end) == Some(&b'e') {
        let sign = usize::from(bytes.get(end + 1) == Some(&b'-'));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_differ_become_ranges() {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.to_string())
                .collect::<Vec<_>>()
        };
        let normal = texts(&["N(0, 0.02)", "N(0, 0.01)", "N(0, 5e-3)"]);
        assert_eq!(span(&normal), "N(0, 0.02..5e-3)");
        assert!(normal.iter().all(|text| mask(text) == "N(#, #)"));
        assert_eq!(span(&texts(&["same 1", "same 1"])), "same 1");
        // The middle differs, the ends do not.
        assert_eq!(span(&texts(&["1", "2", "1"])), "1..");
        assert_eq!(mask("gpt2 é 12.5.x 3e"), "gpt2 é #.x #e");
        assert_eq!(span(&[]), "");
    }
}
