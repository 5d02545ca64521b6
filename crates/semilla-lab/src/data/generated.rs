//! What a generator makes, and how its parameters are written.

use std::str::FromStr;

use crate::error::LabError;

/// Samples of one shape, with a class each.
pub(crate) struct Generated {
    /// The shape of a sample.
    pub(crate) shape: Vec<usize>,
    pub(crate) samples: Vec<Vec<f32>>,
    pub(crate) classes: Vec<i64>,
    /// Whether the numbers are pixels, which have one scale.
    pub(crate) are_pixels: bool,
}

/// The parameters of a generator, as in `spirals:arms=3:noise=0.2`.
pub(crate) struct Parameters<'a> {
    text: &'a str,
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> Parameters<'a> {
    /// Reads what stands behind a name.
    pub(crate) fn read(text: &'a str) -> Result<Self, LabError> {
        let mut values = Vec::new();
        for part in text.split(':').skip(1) {
            let pair = part.split_once('=');
            values.push(pair.ok_or_else(|| wrong(text, format!("{part:?} is no name=value")))?);
        }
        Ok(Self { text, values })
    }

    /// Takes a parameter out; the default if it is not there.
    pub(crate) fn take<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        name: &str,
        default: T,
        (least, most): (T, T),
    ) -> Result<T, LabError> {
        let Some(place) = self.values.iter().position(|(key, _)| *key == name) else {
            return Ok(default);
        };
        let (_, value) = self.values.remove(place);
        let found = value.parse().ok();
        let found = found.filter(|found| *found >= least && *found <= most);
        found.ok_or_else(|| {
            let problem = format!("{name} must be a number from {least} to {most}");
            wrong(self.text, problem)
        })
    }

    /// Checks that all parameters were taken; `known` are their names.
    pub(crate) fn end(self, known: &[&str]) -> Result<(), LabError> {
        let Some((name, _)) = self.values.first() else {
            return Ok(());
        };
        let problem = match known {
            [] => format!("there is no parameter {name:?}; it has none"),
            known => format!("there is no parameter {name:?}; write {}", known.join(", ")),
        };
        Err(wrong(self.text, problem))
    }
}

pub(crate) fn wrong(data: &str, problem: String) -> LabError {
    LabError::Source {
        data: data.to_owned(),
        problem,
    }
}
