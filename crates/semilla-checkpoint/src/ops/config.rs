//! The `config.json` of a model of transformers: beside its weights, or in their place.

use std::path::{Path, PathBuf};

use semilla::family::{Blueprint, Config, ConfigError, Mismatch};

use super::text::{TextError, read_text};
use crate::{Checkpoint, Format};

/// Some configurations list the labels of many thousand classes.
const BYTES: u64 = 1 << 23;
/// The name that transformers gives it.
const NAME: &str = "config.json";
/// Tensors in a sentence, at most.
const SHOWN: usize = 3;

/// What a configuration says of a model.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub config: Config,
    /// The tensors that follow from it.
    pub blueprint: Blueprint,
    /// The tensors of the weights' file that contradict it. Of those it is not believed.
    pub mismatches: Vec<Mismatch>,
}

/// Why a configuration says nothing of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file is not JSON.
    #[error("{} is no configuration of a model", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: serde_json::Error,
    },
    /// It describes no model that is known.
    #[error("cannot take the model from {}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: ConfigError,
    },
}

impl Configured {
    /// Sentences about what it says and what is not followed.
    pub fn remarks(&self) -> Vec<String> {
        let own = self.blueprint.remarks.iter().map(ToString::to_string);
        let contradicted = (!self.mismatches.is_empty()).then(|| {
            let shown = self.mismatches.iter().take(SHOWN).map(|mismatch| {
                let Mismatch {
                    name,
                    found,
                    expected,
                } = mismatch;
                format!("{name} is {found:?}, not {expected:?}")
            });
            let shown: Vec<String> = shown.collect();
            let rest = match self.mismatches.len() - shown.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "it contradicts the shapes of the weights and is not followed there: {}{rest}",
                shown.join(", ")
            )
        });
        own.chain(contradicted).collect()
    }
}

/// Reads a configuration.
pub(super) fn read_config(path: &Path) -> Result<Config, ConfigFileError> {
    parse_config(path, &read_text(path, BYTES)?)
}

/// Reads the text of a configuration; `path` is its place in errors.
pub(super) fn parse_config(path: &Path, text: &str) -> Result<Config, ConfigFileError> {
    serde_json::from_str(&without_infinities(text)).map_err(|error| ConfigFileError::Json {
        path: path.to_owned(),
        error,
    })
}

/// JSON as Python writes it has `Infinity` and `NaN`, which are no JSON: `null` in their place.
fn without_infinities(text: &str) -> String {
    let parts = text.split('"');
    let mut out = String::with_capacity(text.len());
    let (mut in_text, mut is_first) = (false, true);
    for part in parts {
        if !is_first {
            out.push('"');
        }
        is_first = false;
        match in_text {
            true => out.push_str(part),
            false => {
                let part = part.replace("-Infinity", "null");
                out.push_str(&part.replace("Infinity", "null").replace("NaN", "null"));
            }
        }
        // A quote after an odd number of backslashes is part of the text.
        let slashes = part.len() - part.trim_end_matches('\\').len();
        in_text = if in_text { slashes % 2 == 1 } else { true };
    }
    out
}

/// The model of a configuration in the place of weights: the file itself, or the one in a folder.
pub(super) fn in_place_of_weights(model: &Path) -> Option<Result<Configured, ConfigFileError>> {
    let path = match model.is_dir() {
        true => model.join(NAME),
        false => model.to_owned(),
    };
    let config = match read_config(&path) {
        Ok(config) if config.is_of_model() => config,
        // Whatever else it is, others say.
        _ => return None,
    };
    let read = config.blueprint().map(|blueprint| Configured {
        path: path.clone(),
        config,
        blueprint,
        mismatches: Vec::new(),
    });
    Some(read.map_err(|error| ConfigFileError::Model { path, error }))
}

/// The model's configuration beside a file of weights of the formats that transformers writes, and
/// its place.
pub(super) fn beside(file: &dyn Checkpoint, path: &Path) -> Option<(PathBuf, Config)> {
    let is_its = matches!(file.format(), Format::Safetensors | Format::Torch);
    let folder = match path.is_dir() {
        true => path,
        false => path.parent()?,
    };
    let path = folder.join(NAME);
    let config = (is_its && path.is_file()).then(|| read_config(&path).ok())??;
    // Diffusers and timm write others under this name.
    config.is_of_model().then_some((path, config))
}

/// The model of these tensors, as a configuration describes it.
pub(super) fn of_weights(
    path: &Path,
    config: &Config,
    names: &[&str],
) -> Result<Configured, ConfigFileError> {
    let blueprint = config.blueprint_like(names);
    let blueprint = blueprint.map_err(|error| ConfigFileError::Model {
        path: path.to_owned(),
        error,
    })?;
    Ok(Configured {
        path: path.to_owned(),
        config: config.clone(),
        blueprint,
        mismatches: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_of_python_are_nothing() {
        for (text, expected) in [
            (
                r#"{"a": [0.0, Infinity], "b": -Infinity}"#,
                r#"{"a": [0.0, null], "b": null}"#,
            ),
            (
                r#"{"Infinity": "NaN", "c": NaN}"#,
                r#"{"Infinity": "NaN", "c": null}"#,
            ),
            (
                r#"{"a\"NaN": 1, "b\\": NaN}"#,
                r#"{"a\"NaN": 1, "b\\": null}"#,
            ),
            ("NaN", "null"),
            ("\"", "\""),
        ] {
            assert_eq!(without_infinities(text), expected, "{text}");
        }
    }
}
