//! Writes a rename as a regular expression and a replacement.

use super::tokens::{Tokens, is_digits};

/// How much of a name a rename matches. A shorter form needs fewer renames, but may change more
/// other names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Up to where both names are the same.
    Beginnings,
    /// Up to the last part.
    Modules,
    /// The whole name, with any numbers.
    Patterns,
    /// The whole name as it is.
    Names,
}

/// The rename of one pair.
pub(super) fn rule(a: &Tokens<'_>, b: &Tokens<'_>, form: Form) -> (String, String) {
    let end = match form {
        Form::Beginnings => a.common_end(b),
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
    // A number that both names have in the same position may be any.
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

/// A regular expression for a text, safe in an option: the pattern ends at the first `=`, and the
/// option is quoted.
fn escaped(part: &str) -> String {
    regex::escape(part)
        .replace('=', r"\x3d")
        .replace('\'', r"\x27")
}
