//! The same network with wider layers.

use super::definition::Network;
use super::error::NetworkError;
use super::given::LARGEST;
use super::settings::{self, shown, split};
use super::syntax::{Document, Places};
use crate::formula::Value;

impl Network {
    /// A built-in network, in one line, with every hidden width so many times as large; and its
    /// first hidden width. Sizes of inputs and outputs stay.
    ///
    /// # Errors
    /// As [`Network::named`]; also a network without hidden widths, or one that would be too wide.
    ///
    /// ```
    /// use semilla::network::Network;
    ///
    /// let (text, width) = Network::widened("mlp:784-64-64-10:tanh", 4)?;
    /// assert_eq!((&*text, width), ("mlp:784-256-256-10:tanh", 256));
    /// # Ok::<(), semilla::network::NetworkError>(())
    /// ```
    pub fn widened(line: &str, times: usize) -> Result<(String, usize), NetworkError> {
        let (text, values) = Self::toml(line)?;
        let document = Document::read(text)?;
        let given = settings::read(&document, values)?;
        let known: Vec<&(String, Value)> = document.parameters.iter().chain(&given).collect();
        let mut wider: Vec<(&str, Value)> = Vec::new();
        let mut first = None;
        for (name, places) in &document.widths {
            let current = known.iter().rev().find(|(known, _)| known == name);
            let Some((_, value)) = current else { continue };
            let found = grown(value, *places, times);
            let (value, width) = found.ok_or_else(|| cannot(line, times))?;
            first = first.or(width);
            wider.push((name, value));
        }
        let width = first.ok_or_else(|| cannot(line, times))?;
        let name = line.split(':').next().unwrap_or(line);
        Ok((written(name, values, &document, wider), width))
    }
}

fn cannot(line: &str, times: usize) -> NetworkError {
    let line: String = line.chars().take(80).collect();
    NetworkError::Parameter(format!(
        "{line:?} has no hidden width that can be {times} times as large"
    ))
}

/// A value with its widths so many times as large, and the first of them.
fn grown(value: &Value, places: Places, times: usize) -> Option<(Value, Option<usize>)> {
    let grow = |value: &Value| match value {
        Value::Number(number) => {
            let wide = number * times as f64;
            (*number >= 1.0 && wide <= LARGEST).then_some(wide)
        }
        _ => None,
    };
    let Value::List(list) = value else {
        let wide = grow(value)?;
        return Some((Value::Number(wide), Some(wide as usize)));
    };
    let end = list.len().checked_sub(places.kept_at_end)?;
    let mut all = Vec::new();
    let mut first = None;
    for (place, value) in list.iter().enumerate() {
        let is_width = place >= places.kept_at_start && place < end;
        all.push(match is_width {
            true => {
                let wide = grow(value)?;
                first.get_or_insert(wide as usize);
                Value::Number(wide)
            }
            false => value.clone(),
        });
    }
    Some((Value::List(all.into()), first))
}

/// The line again, with other values of these parameters.
fn written(name: &str, values: &str, document: &Document, mut wider: Vec<(&str, Value)>) -> String {
    let mut parts = vec![name.to_owned()];
    let mut unnamed = document.parameters.iter().map(|(name, _)| &**name);
    for part in split(values) {
        let (name, prefix) = match part.split_once('=') {
            Some((name, _)) => (name, format!("{name}=")),
            None => (unnamed.next().unwrap_or_default(), String::new()),
        };
        let place = wider.iter().position(|(known, _)| *known == name);
        parts.push(match place {
            Some(place) => format!("{prefix}{}", shown(&wider.remove(place).1)),
            None => part.to_owned(),
        });
    }
    let rest = wider.iter();
    parts.extend(rest.map(|(name, value)| format!("{name}={}", shown(value))));
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_widths_grow_and_the_rest_stays() {
        for (line, expected, width) in [
            ("mlp:784-64-64-10:tanh", "mlp:784-128-128-10:tanh", 128),
            ("conv:3-8-16:10", "conv:3-16-32:10", 16),
            ("transformer:2x64:100", "transformer:2-128:100", 128),
            ("lstm:8-16:4", "lstm:8-32:4", 32),
            ("lstm:outputs=4", "lstm:outputs=4:sizes=128-512", 512),
            ("siren:width=32:depth=3", "siren:width=64:depth=3", 64),
        ] {
            let found = Network::widened(line, 2).unwrap();
            assert_eq!(found, (expected.to_owned(), width));
            Network::named(&found.0).unwrap();
        }
        for line in ["mlp:784-10", "resnet", "conv:3-16777216:10"] {
            assert!(Network::widened(line, 2).is_err(), "{line}");
        }
    }
}
