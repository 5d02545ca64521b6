//! The arguments of a layer.

use crate::formula::{Expression, Names, Problem, Value, number};
use crate::suggest::did_you_mean;

/// More than any size.
pub(super) const LARGEST: f64 = (1u64 << 24) as f64;

/// The arguments of a layer by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(Vec<(&'static str, Value)>);

impl Given {
    /// Arguments in the order of the parameters, then those with names.
    pub(super) fn bind(
        parameters: &[&'static str],
        positional: &[Expression],
        named: &[(String, Expression)],
        names: &dyn Names,
    ) -> Result<Self, Problem> {
        if positional.len() > parameters.len() {
            return Err(Problem::other(match parameters {
                [] => "it takes no arguments".to_owned(),
                some => format!(
                    "it takes at most {} arguments: {}",
                    some.len(),
                    some.join(", ")
                ),
            }));
        }
        let mut given = Vec::new();
        for (name, expression) in parameters.iter().zip(positional) {
            given.push((*name, expression.value(names)?));
        }
        for (name, expression) in named {
            let found = parameters.iter().find(|known| *known == name);
            let found = found.ok_or_else(|| {
                let hint = did_you_mean(name, parameters.iter().copied());
                Problem::other(format!("it takes no {name:?}{hint}"))
            })?;
            if given.iter().any(|(known, _)| known == found) {
                return Err(Problem::other(format!("{name:?} is given twice")));
            }
            given.push((found, expression.value(names)?));
        }
        Ok(Self(given))
    }

    /// Any number of arguments without names, as a list; a list stands for its entries.
    pub(super) fn list(
        name: &'static str,
        positional: &[Expression],
        named: &[(String, Expression)],
        names: &dyn Names,
    ) -> Result<Self, Problem> {
        if let Some((name, _)) = named.first() {
            return Err(Problem::other(format!("it takes no {name:?}, only sizes")));
        }
        let mut all = Vec::new();
        for expression in positional {
            all.extend(expression.value(names)?.each().iter().cloned());
        }
        Ok(Self(vec![(name, Value::List(all.into()))]))
    }

    /// An argument; one that is null is not there.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| **value != Value::Null)
    }

    /// A size that must be given.
    pub(super) fn size(&self, name: &str) -> Result<usize, Problem> {
        let value = self.get(name);
        let value = value.ok_or_else(|| Problem::other(format!("{name:?} is missing")))?;
        size(value, name)
    }

    pub(super) fn size_or(&self, name: &str, default: usize) -> Result<usize, Problem> {
        self.get(name)
            .map_or(Ok(default), |value| size(value, name))
    }

    /// A number for each of several axes, or one for all.
    pub(super) fn each(
        &self,
        name: &str,
        axes: usize,
        default: usize,
    ) -> Result<Vec<usize>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(vec![default; axes]);
        };
        let sizes: Result<Vec<usize>, Problem> = value
            .each()
            .iter()
            .map(|value| whole(value, name))
            .collect();
        match (value, sizes?) {
            (Value::List(_), sizes) if sizes.len() != axes => Err(Problem::other(format!(
                "{name:?} is for {} axes, the value has {axes}",
                sizes.len()
            ))),
            (Value::List(_), sizes) => Ok(sizes),
            (_, sizes) => Ok(vec![sizes[0]; axes]),
        }
    }

    pub(super) fn number_or(&self, name: &str, default: f64) -> Result<f64, Problem> {
        let value = self.get(name);
        value.map_or(Ok(default), |value| {
            number(value).map_err(|_| Problem::other(format!("{name:?} is {value}, no number")))
        })
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        self.get(name)
            .map_or(Ok(default), |value| Ok(value.is_true()))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let text = |value: &'_ Value| format!("{name:?} is {value}; write a text: '...'");
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(value) => Err(Problem::other(text(value))),
        }
    }

    /// One of several words; the first of them if none is given.
    pub(super) fn choice(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(words[0]);
        };
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| {
            Problem::other(format!(
                "{name:?} is {text:?}; write one of {}",
                words.join(", ")
            ))
        })
    }

    /// An axis of a value; the samples are axis 0.
    pub(super) fn axis(&self, name: &str, axes: usize, default: i64) -> Result<usize, Problem> {
        let asked = self.number_or(name, default as f64)?;
        axis_of(asked, axes).ok_or_else(|| {
            Problem::other(format!(
                "there is no axis {asked}; the value has the axes 1 to {axes} behind the samples"
            ))
        })
    }
}

/// The axis from 1 that is asked for, of so many behind the samples; negative ones count from the
/// end.
pub(super) fn axis_of(asked: f64, axes: usize) -> Option<usize> {
    let axis = if asked < 0.0 {
        asked + axes as f64 + 1.0
    } else {
        asked
    };
    (axis >= 1.0 && axis <= axes as f64 && axis.fract() == 0.0).then_some(axis as usize)
}

/// A size: a whole number from 1.
pub(super) fn size(value: &Value, name: &str) -> Result<usize, Problem> {
    match whole(value, name)? {
        0 => Err(Problem::other(format!(
            "{name:?} is 0; sizes are at least 1"
        ))),
        size => Ok(size),
    }
}

/// A whole number from 0.
pub(super) fn whole(value: &Value, name: &str) -> Result<usize, Problem> {
    let wrong = || {
        Problem::other(format!(
            "{name:?} is {value}, no whole number from 0 to {LARGEST}"
        ))
    };
    let number = number(value).map_err(|_| wrong())?;
    match number >= 0.0 && number.fract() == 0.0 && number <= LARGEST {
        true => Ok(number as usize),
        false => Err(wrong()),
    }
}
