//! A network's parameters: defaults, a size's values, what the user sets.

use super::error::NetworkError;
use super::scope::Scope;
use super::syntax::Document;
use crate::formula::Value;
use crate::suggest::did_you_mean;

/// The parameter that chooses a size.
const SIZE: &str = "size";
/// Values of one list.
const LONGEST: usize = 10_000;

/// Values for parameters, each with its name.
pub(super) type Values = Vec<(String, Value)>;

/// The values that a line gives to parameters: `784-256-10:relu`, `18:classes=10`. Values without
/// a name go to the parameters in their order.
pub(super) fn read(document: &Document, line: &str) -> Result<Values, NetworkError> {
    let mut values = Values::new();
    let mut place = 0;
    for part in split(line) {
        let (name, default, text) = match part.split_once('=') {
            Some((name, text)) => {
                let default = default(document, name)?;
                (name, default, text)
            }
            None => {
                let parameter = document
                    .parameters
                    .get(place)
                    .ok_or_else(|| wrong(document, line))?;
                place += 1;
                (&*parameter.0, &parameter.1, part)
            }
        };
        if values.iter().any(|(known, _)| known == name) {
            return Err(NetworkError::Parameter(format!("{name} is given twice")));
        }
        values.push((name.to_owned(), value(name, default, text)?));
    }
    Ok(values)
}

/// The parts between colons.
pub(super) fn split(line: &str) -> Vec<&str> {
    line.split(':').filter(|part| !part.is_empty()).collect()
}

fn default<'d>(document: &'d Document, name: &str) -> Result<&'d Value, NetworkError> {
    let known = || document.parameters.iter();
    let found = known().find(|(known, _)| known == name);
    found.map(|(_, value)| value).ok_or_else(|| {
        let names: Vec<&str> = known().map(|(name, _)| &**name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        let name: String = name.chars().take(40).collect();
        NetworkError::Parameter(format!(
            "there is no parameter {name:?}{hint}; there are {}",
            names.join(", ")
        ))
    })
}

/// More parts than parameters.
fn wrong(document: &Document, line: &str) -> NetworkError {
    let line: String = line.chars().take(80).collect();
    NetworkError::Parameter(match &document.usage {
        Some(usage) => format!("{line:?} should be written as {usage}"),
        None => format!(
            "{line:?} has more values than there are parameters: {}",
            document
                .parameters
                .iter()
                .map(|(name, _)| &**name)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    })
}

/// A value of the kind of a parameter's default.
fn value(name: &str, default: &Value, text: &str) -> Result<Value, NetworkError> {
    let shown: String = text.chars().take(40).collect();
    let wrong = |what: &str| NetworkError::Parameter(format!("{name} is {shown:?}; write {what}"));
    let number = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite());
    match default {
        Value::Bool(_) => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        Value::List(_) => {
            let all = text.split(['-', 'x', ',']).map(number);
            let all: Option<Vec<f64>> = all.collect();
            let all = all.filter(|all| all.len() <= LONGEST);
            let all = all.ok_or_else(|| wrong("numbers with - between them, such as 64-128-10"))?;
            Ok(Value::List(all.into_iter().map(Value::Number).collect()))
        }
        Value::Text(_) => Ok(Value::text(text)),
        _ => number(text)
            .map(Value::Number)
            .ok_or_else(|| wrong("a number")),
    }
}

/// A scope with the values of all parameters and of what follows from them.
pub(super) fn scope(document: &Document, given: Values) -> Result<Scope<'static>, NetworkError> {
    let mut scope = Scope::default();
    for (name, _) in &given {
        default(document, name)?;
    }
    let preset = preset(document, &given)?;
    for (name, value) in document.parameters.iter().chain(preset).chain(&given) {
        scope.set(name, value.clone());
    }
    for definition in &document.lets {
        let value = definition.value.value(&scope);
        let value = value.map_err(|problem| {
            NetworkError::text(definition.line, format!("{}: {problem}", definition.name))
        })?;
        scope.set(&definition.name, value);
    }
    for (condition, otherwise) in &document.requires {
        let holds = condition.value(&scope);
        let holds = holds.map_err(|problem| NetworkError::Parameter(problem.to_string()))?;
        if !holds.is_true() {
            return Err(NetworkError::Parameter(match &document.usage {
                Some(usage) => format!("{otherwise}; write {usage}"),
                None => otherwise.clone(),
            }));
        }
    }
    Ok(scope)
}

/// The values of the size that is asked for.
fn preset<'d>(
    document: &'d Document,
    given: &Values,
) -> Result<&'d [(String, Value)], NetworkError> {
    if document.presets.is_empty() {
        return Ok(&[]);
    }
    let all = document.parameters.iter().chain(given);
    let size = all.rev().find(|(name, _)| name == SIZE);
    let Some((_, Value::Text(size))) = size else {
        return Ok(&[]);
    };
    let found = document.presets.iter().find(|(name, _)| **name == **size);
    let found = found.ok_or_else(|| {
        let known: Vec<&str> = document.presets.iter().map(|(name, _)| &**name).collect();
        let size: String = size.chars().take(40).collect();
        let hint = did_you_mean(&size, known.iter().copied());
        NetworkError::Parameter(format!(
            "there is no size {size:?}{hint}; there are {}",
            known.join(", ")
        ))
    })?;
    Ok(&found.1)
}

/// A value as it is written in one line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::List(list) => list.iter().map(shown).collect::<Vec<_>>().join("-"),
        other => other.to_string(),
    }
}
