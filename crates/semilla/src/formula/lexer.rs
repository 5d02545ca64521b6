//! The words of a line.

use std::fmt;

use super::mistake::Mistake;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name, with its dots: `vision_config.hidden_size`.
    Name(String),
    Number(f64),
    /// A text in single quotes.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(name) => f.write_str(name),
            Token::Number(number) => write!(f, "{number}"),
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Sign(sign) => f.write_str(sign),
        }
    }
}

const SIGNS: [&str; 22] = [
    "**", "//", "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    ",", "~", ":", "|",
];

/// Splits a line into tokens; `#` begins a comment.
pub(crate) fn tokens(line: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (token, length) = first(rest)?;
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn first(rest: &str) -> Result<(Token, usize), Mistake> {
    let run = |holds: fn(char) -> bool| rest.find(|c| !holds(c)).unwrap_or(rest.len());
    let start = rest.chars().next().unwrap_or(' ');
    if start.is_ascii_digit() {
        let mut length = run(|c| c.is_ascii_alphanumeric() || c == '.');
        // The exponent's sign.
        if rest[..length].ends_with('e') && rest[length..].starts_with('-') {
            let digits = rest[length + 1..].find(|c: char| !c.is_ascii_digit());
            length += 1 + digits.unwrap_or(rest.len() - length - 1);
        }
        let number = rest[..length].parse().map_err(|_| {
            let text = &rest[..length];
            Mistake::new(format!("{text:?} is no number"))
        })?;
        return Ok((Token::Number(number), length));
    }
    if start.is_ascii_alphabetic() || start == '_' || start == '.' {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        return Ok((Token::Name(rest[..length].to_owned()), length));
    }
    if start == '\'' {
        let length = rest[1..].find('\'');
        let length = length.ok_or_else(|| Mistake::new("a text does not end"))?;
        return Ok((Token::Text(rest[1..=length].to_owned()), length + 2));
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    match sign {
        Some(sign) => Ok((Token::Sign(sign), sign.len())),
        None => Err(Mistake::new(format!("{start:?} means nothing here"))),
    }
}
