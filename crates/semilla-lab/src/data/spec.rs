//! Which data, and which part of them.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which data, and which part of them.
///
/// | source | holds |
/// | --- | --- |
/// | `digits` | 1797 handwritten digits of 8 × 8 pixels (UCI, CC BY 4.0), built in |
/// | `spirals:arms=2:samples=1000:noise=0.03:turns=1.25` | points of the plane on spirals, a class each |
/// | `parity:bits=4:inputs=4:samples=2000` | signs; whether an odd number of the first is negative |
/// | `mnist1d:samples=4000` | the ten shapes of MNIST-1D (Greydanus & Kobak 2024), 40 numbers each |
/// | a path | what the crate `semilla-data` reads: arrays, images, tables, text, idx, CIFAR |
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// A name with parameters, or a path.
    pub source: String,
    /// The column or the array that holds the labels; if none, it is found by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The `tokenizer.json` that makes tokens of a text; if none, its bytes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// The classes that are taken, which become 0, 1, ... in this order; all if it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<u32>,
    /// Samples that are trained on, at most, the classes in turns: few labels. Validation and test
    /// stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<usize>,
}

impl DataSpec {
    /// All of the data of a source.
    pub fn of(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// The path of the data, if they are no built-in ones.
    pub fn path(&self) -> Option<&Path> {
        let name = self.source.split(':').next().unwrap_or_default();
        let is_built_in = NAMES.contains(&name) && !Path::new(&self.source).exists();
        (!is_built_in).then(|| Path::new(&self.source))
    }
}

/// The names of what needs no file.
pub(crate) const NAMES: [&str; 4] = ["digits", "spirals", "parity", "mnist1d"];

impl FromStr for DataSpec {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::of(text))
    }
}
