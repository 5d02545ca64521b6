//! A line of layers: `conv1: conv(64, kernel=7) -> relu if deep`.

use super::syntax::{Call, Name, Parameters, Part, Step, What};
use crate::formula::{Expression, Mistake, Parser, Token, tokens};

/// Longer lines than anyone writes; what nests deeper would exhaust the stack.
const TOKENS: usize = 400;
const ARROW: &str = "->";

/// The steps of a line.
pub(super) fn steps(text: &str, line: usize) -> Result<Vec<Step>, Mistake> {
    let parts = split(text);
    parts.into_iter().map(|part| step(part, line)).collect()
}

/// A formula by itself.
pub(super) fn formula(text: &str) -> Result<Expression, Mistake> {
    Parser::new(&words(text)?).only_expression()
}

/// The name of a module.
pub(super) fn name(text: &str) -> Result<Name, Mistake> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').ok_or_else(|| {
            Mistake::new(format!("the name {text:?} has a brace that stays open"))
        })?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Formula(formula(inside)?));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    let written = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        Part::Formula(_) => None,
    });
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match parts.is_empty() || !written.into_iter().all(|text| text.chars().all(is_name)) {
        true => Err(Mistake::new(format!(
            "{text:?} is no name; use letters, digits, dots, _ and formulas in braces"
        ))),
        false => Ok(Name(parts)),
    }
}

/// The name and parameters of a block: `basic(width, stride=1)`.
pub(super) fn signature(text: &str) -> Result<(String, Parameters), Mistake> {
    let words = words(text)?;
    let mut parser = Parser::new(&words);
    let name = parser.name()?.to_owned();
    let mut parameters = Vec::new();
    if parser.take("(") {
        parser.each_up_to(")", |parser| {
            parameters.push(match parser.named_argument() {
                Some(name) => (name.to_owned(), Some(parser.expression()?)),
                None => (parser.name()?.to_owned(), None),
            });
            Ok(())
        })?;
    }
    match parser.is_done() {
        true => Ok((name, parameters)),
        false => Err(Mistake::new(format!("expected the end behind {text:?}"))),
    }
}

/// A kind of input and its sizes: `numbers(3, height, width)`.
pub(super) fn input(text: &str) -> Result<(String, Vec<Expression>), Mistake> {
    let words = words(text)?;
    let mut parser = Parser::new(&words);
    let call = call(&mut parser)?;
    match parser.is_done() && call.named.is_empty() {
        true => Ok((call.kind, call.positional)),
        false => Err(Mistake::new(format!(
            "an input is a kind and sizes without names, not {text:?}"
        ))),
    }
}

fn words(text: &str) -> Result<Vec<Token>, Mistake> {
    let words = tokens(text)?;
    match words.len() > TOKENS {
        true => Err(Mistake::new(format!(
            "a line has at most {TOKENS} words and signs"
        ))),
        false => Ok(words),
    }
}

/// The parts between arrows; an arrow within a text is none.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut in_text) = (0, false);
    for (at, c) in text.char_indices() {
        if c == '\'' {
            in_text = !in_text;
        }
        if !in_text && at >= start && text[at..].starts_with(ARROW) {
            parts.push(&text[start..at]);
            start = at + ARROW.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn step(text: &str, line: usize) -> Result<Step, Mistake> {
    let (named, rest) = match end_of_name(text) {
        Some(at) => (Some(name(text[..at].trim())?), &text[at + 1..]),
        None => (None, text),
    };
    let words = words(rest)?;
    let mut parser = Parser::new(&words);
    let call = call(&mut parser)?;
    let condition = match parser.take("if") {
        true => Some(parser.expression()?),
        false => None,
    };
    if let Some(found) = parser.next() {
        return Err(Mistake::new(format!(
            "expected \"->\", \"if\" or the end behind {}, found \"{found}\"",
            call.kind
        )));
    }
    Ok(Step {
        line,
        name: named,
        repeat: None,
        condition,
        what: What::Call(call),
    })
}

/// The colon behind a name: the first outside of braces, before any parenthesis.
fn end_of_name(text: &str) -> Option<usize> {
    let mut in_braces = false;
    for (at, c) in text.char_indices() {
        match c {
            '{' => in_braces = true,
            '}' => in_braces = false,
            ':' if !in_braces => return Some(at),
            '(' if !in_braces => return None,
            _ => {}
        }
    }
    None
}

fn call(parser: &mut Parser<'_>) -> Result<Call, Mistake> {
    let mut call = Call {
        kind: parser.name()?.to_owned(),
        positional: Vec::new(),
        named: Vec::new(),
    };
    if !parser.take("(") {
        return Ok(call);
    }
    parser.each_up_to(")", |parser| {
        match parser.named_argument() {
            Some(name) => call.named.push((name.to_owned(), parser.expression()?)),
            None if call.named.is_empty() => call.positional.push(parser.expression()?),
            None => {
                return Err(Mistake::new(
                    "arguments without a name come before those with one",
                ));
            }
        }
        Ok(())
    })?;
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let steps = steps(text, 1).unwrap();
        let kind = |step: &Step| match &step.what {
            What::Call(call) => call.kind.clone(),
            _ => unreachable!("lines have calls only"),
        };
        steps.iter().map(kind).collect()
    }

    #[test]
    fn a_line_is_a_chain_of_named_calls() {
        let text = "conv1: conv(64, kernel=7, stride=2) -> bn1: batch_norm if norm == '->' -> relu";
        assert_eq!(kinds(text), ["conv", "batch_norm", "relu"]);
        let steps = steps(text, 3).unwrap();
        assert!(steps[1].condition.is_some() && steps[2].name.is_none());
    }

    #[test]
    fn names_have_formulas() {
        assert!(name("layer{i + 1}.0").unwrap().varies());
        assert!(!name("fc").unwrap().varies());
        for wrong in ["", "a b", "a{i", "{}", "a:b"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        let problem = |text: &str| steps(text, 1).unwrap_err().problem().to_owned();
        assert!(problem("conv(3").contains("expected"));
        assert!(problem("conv(kernel=3, 4)").contains("without a name"));
        assert!(problem("relu relu").contains("found \"relu\""));
        assert!(problem("").contains("a name"));
        assert!(problem(&"(".repeat(5000)).contains("at most"));
    }
}
