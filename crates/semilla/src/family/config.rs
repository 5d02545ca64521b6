//! A `config.json` of transformers.

use serde::Deserialize;

use super::blueprint::{Blueprint, ConfigRemark};
use super::computation::{Computation, computation};
use super::error::ConfigError;
use super::expand::expand;
use super::lineage::Lineage;
use crate::dtype::DType;
use crate::formula::Value;

/// The configuration of a model, as transformers writes it. Read it as JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Config {
    fields: Value,
}

/// The class without a head.
const BASE: &str = "Model";

impl Config {
    /// Whether this is a model's configuration, and not another table.
    pub fn is_of_model(&self) -> bool {
        self.fields.entry("model_type").is_some()
    }

    /// The model that `AutoModel.from_config` makes of it, or the first of its `architectures`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn blueprint(&self) -> Result<Blueprint, ConfigError> {
        let lineage = self.lineage()?;
        let stated = self.fields.entry("architectures").unwrap_or(&Value::Null);
        let class = stated.each().first().and_then(Value::as_text);
        let mut remarks = Vec::new();
        if class.is_none() {
            remarks.push(ConfigRemark::NoArchitecture);
        }
        let has = |name: &str| self.fields.entry(name).is_some_and(Value::is_true);
        if has("quantization_config") {
            remarks.push(ConfigRemark::Quantized);
        }
        if has("auto_map") {
            remarks.push(ConfigRemark::OwnCode);
        }
        let head = match class {
            None => BASE,
            Some(class) => self.head(&lineage, class)?,
        };
        let blueprint = self.of_head(&lineage, head)?;
        Ok(Blueprint {
            remarks,
            ..blueprint
        })
    }

    /// The model that these names belong to: the configuration's, unless another class of its
    /// family has more of them, such as the one without a head.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn blueprint_like(&self, names: &[&str]) -> Result<Blueprint, ConfigError> {
        let matches = |blueprint: &Blueprint| blueprint.matches(names.iter().copied());
        let own = match self.blueprint() {
            Ok(own) if matches(&own) == names.len() => return Ok(own),
            Ok(own) => Ok(own),
            Err(error @ ConfigError::UnknownArchitecture { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        let lineage = self.lineage()?;
        let mut best = own.as_ref().map_or(0, matches);
        let mut found = own;
        for head in lineage.heads() {
            let other = self.of_head(&lineage, head)?;
            let count = matches(&other);
            if count > best {
                (best, found) = (count, Ok(other));
            }
        }
        found
    }

    /// The built-in network that computes what the model does of which this is the blueprint.
    pub(crate) fn computation(&self, blueprint: &Blueprint) -> Result<Computation, ConfigError> {
        let lineage = self.lineage()?;
        let head = blueprint.architecture.strip_prefix(lineage.class());
        computation(&lineage, &self.fields, head.unwrap_or_default())
    }

    fn lineage(&self) -> Result<Lineage, ConfigError> {
        let model_type = self.fields.entry("model_type").and_then(Value::as_text);
        let model_type = model_type.ok_or(ConfigError::NoType)?;
        Lineage::of(model_type).ok_or_else(|| ConfigError::UnknownType {
            model_type: model_type.chars().take(80).collect(),
            has_code: self.fields.entry("auto_map").is_some(),
        })
    }

    /// The rest of a class's name, which its tree is called by.
    fn head<'a>(&self, lineage: &Lineage, class: &'a str) -> Result<&'a str, ConfigError> {
        let rest = class.strip_prefix(lineage.class());
        let known = rest.filter(|rest| lineage.head(rest).is_some());
        known.ok_or_else(|| ConfigError::UnknownArchitecture {
            name: class.chars().take(80).collect(),
            model_type: lineage.name().to_owned(),
            known: lineage.classes(),
        })
    }

    fn of_head(&self, lineage: &Lineage, head: &str) -> Result<Blueprint, ConfigError> {
        let architecture = format!("{}{head}", lineage.class());
        let tree = lineage
            .head(head)
            .ok_or_else(|| ConfigError::UnknownArchitecture {
                name: architecture.clone(),
                model_type: lineage.name().to_owned(),
                known: lineage.classes(),
            })?;
        let tensors = expand(lineage.clone(), self.fields.clone(), tree, self.dtype()?)?;
        Ok(Blueprint {
            family: lineage.name().to_owned(),
            architecture,
            tensors,
            remarks: Vec::new(),
        })
    }

    /// The type of its weights: f32 if it states none.
    fn dtype(&self) -> Result<DType, ConfigError> {
        let stated = ["dtype", "torch_dtype"].iter().find_map(|field| {
            let value = self.fields.entry(field).filter(|value| value.is_true())?;
            Some((*field, value))
        });
        let Some((field, value)) = stated else {
            return Ok(DType::F32);
        };
        let dtype = value.as_text().and_then(|text| text.parse::<DType>().ok());
        dtype
            .filter(|dtype| dtype.is_float())
            .ok_or_else(|| ConfigError::Value {
                place: "the weights' type".to_owned(),
                problem: format!("{field} is {value}, which is no type of weights"),
            })
    }
}
