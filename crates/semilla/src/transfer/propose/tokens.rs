//! Names in tokens: separators, digits, and the text between.

use crate::encoding::split_leaf;

/// Which digits count layers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Those between separators, as 3 in `layers.3.conv1`.
    Parts,
    /// All: here 3 and 1.
    All,
}

/// A name in tokens: separators, digits, and the text between.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    pub(super) whole: &'a str,
    pub(super) tokens: Vec<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(whole: &'a str) -> Self {
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
    pub(super) fn is_number(&self, token: usize, digits: Digits) -> bool {
        let is = |index: Option<usize>, what: fn(&str) -> bool| {
            let token = index.and_then(|index| self.tokens.get(index));
            token.is_none_or(|token| what(token))
        };
        let alone = || is(token.checked_sub(1), is_separator) && is(Some(token + 1), is_separator);
        is_digits(self.tokens[token]) && (digits == Digits::All || alone())
    }

    /// The name with `*` for each number.
    pub(super) fn pattern(&self, digits: Digits) -> String {
        let token = |index: usize| match self.is_number(index, digits) {
            true => "*",
            false => self.tokens[index],
        };
        (0..self.tokens.len()).map(token).collect()
    }

    pub(super) fn numbers(&self, digits: Digits) -> Vec<u64> {
        let numbers = (0..self.tokens.len()).filter(|&index| self.is_number(index, digits));
        let value = |index: usize| self.tokens[index].parse().unwrap_or(u64::MAX);
        numbers.map(value).collect()
    }

    /// Its module with the separator, and its last part.
    pub(super) fn split(&self) -> (&'a str, &'a str) {
        split_leaf(self.whole)
    }

    /// How many parts at the end are the same as the other's, or numbers in both.
    pub(super) fn likeness(&self, other: &Self) -> usize {
        let ends = |name: &Self| name.whole.rsplit(['.', '/']).collect::<Vec<&str>>();
        let like = |(a, b): &(&str, &str)| a == b || is_digits(a) && is_digits(b);
        let pairs = ends(self).into_iter().zip(ends(other));
        pairs.take_while(like).count()
    }

    /// How many tokens at the end are the same as the other's, without a separator as the first.
    pub(super) fn common_end(&self, other: &Self) -> usize {
        let pairs = self.tokens.iter().rev().zip(other.tokens.iter().rev());
        let same = pairs.take_while(|(a, b)| a == b).count();
        match same.checked_sub(1) {
            Some(less) if is_separator(self.tokens[self.tokens.len() - same]) => less,
            _ => same,
        }
    }
}

pub(super) fn is_separator(token: &str) -> bool {
    matches!(token, "." | "/")
}

pub(super) fn is_digits(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}
