//! All tensors that a configuration's model has.

use std::collections::HashMap;
use std::fmt;

use crate::dtype::DType;
use crate::init::Initializer;
use crate::model::{Convention, Evidence, Facts, Model};

/// A model as its `config.json` describes it.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The `model_type` of its family.
    pub family: String,
    /// The class of transformers that makes it: `GPT2LMHeadModel`.
    pub architecture: String,
    /// Its tensors, in the order of its modules.
    pub tensors: Vec<BlueprintTensor>,
    /// What the configuration says that changes nothing here.
    pub remarks: Vec<ConfigRemark>,
}

/// One tensor of a [`Blueprint`].
#[derive(Clone, Debug)]
pub struct BlueprintTensor {
    /// Its name in files that transformers saves.
    pub name: String,
    /// The sizes of its axes.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
    /// All that is known of it.
    pub facts: Facts,
    /// The library's own initial values.
    pub initializer: Initializer,
    /// Whether it is saved: a tensor that shares another's values is not.
    pub is_saved: bool,
}

/// A remark on a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigRemark {
    /// It has a `quantization_config`.
    Quantized,
    /// It names code of the model's own (`auto_map`).
    OwnCode,
    /// It names no class, so the model is the one without a head.
    NoArchitecture,
}

impl fmt::Display for ConfigRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConfigRemark::Quantized => {
                "quantization_config is not followed: weights are made unquantized; remove it from \
                 the config.json beside them before they are loaded"
            }
            ConfigRemark::OwnCode => {
                "auto_map names code of the model's own, which is not read: tensors are described \
                 as those of transformers' own class"
            }
            ConfigRemark::NoArchitecture => {
                "no `architectures` are stated: this is the model without a head"
            }
        })
    }
}

/// A tensor of a file that has another shape than the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name.
    pub name: String,
    /// The shape in the file.
    pub found: Vec<usize>,
    /// The shape that follows from the configuration.
    pub expected: Vec<usize>,
}

impl Blueprint {
    /// The model that transformers would make and save.
    pub fn model(&self) -> Model {
        let saved = || self.tensors.iter().filter(|part| part.is_saved);
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        for part in saved() {
            evidence.add(&*part.name, part.facts.clone());
        }
        let tensors = saved().map(|part| (part.name.clone(), part.shape.clone(), part.dtype));
        Model::derive(tensors, evidence)
    }

    /// Adds facts about a file's tensors, given as names and shapes, to what is known of them.
    /// Tensors of other shapes than the configuration says are returned; of those nothing is added.
    pub fn describe<'a>(
        &self,
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>,
        evidence: &mut Evidence,
    ) -> Vec<Mismatch> {
        let by_name = self.by_name();
        let mut mismatches = Vec::new();
        for (name, shape) in tensors {
            match by_name.get(name) {
                Some(part) if part.shape == shape => evidence.add(name, part.facts.clone()),
                Some(part) => mismatches.push(Mismatch {
                    name: name.to_owned(),
                    found: shape.to_vec(),
                    expected: part.shape.clone(),
                }),
                None => {}
            }
        }
        mismatches
    }

    /// How many of these names its tensors have.
    pub(super) fn matches<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> usize {
        let by_name = self.by_name();
        let known = names.into_iter().filter(|name| by_name.contains_key(name));
        known.count()
    }

    fn by_name(&self) -> HashMap<&str, &BlueprintTensor> {
        self.tensors
            .iter()
            .map(|part| (&*part.name, part))
            .collect()
    }
}
