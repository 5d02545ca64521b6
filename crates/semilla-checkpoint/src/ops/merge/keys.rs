//! The tensors of an adapter by the modules of its base.

use std::collections::BTreeMap;

use super::error::MergeError;
use crate::{Checkpoint, Quoted, Tensors};

/// The factors of one module, by their positions in the adapter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) a: Option<usize>,
    pub(super) b: Option<usize>,
    pub(super) lengths: Option<usize>,
    /// Whether it is an embedding, whose table is stored [words, width].
    pub(super) is_table: bool,
}

/// What an adapter holds.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) modules: BTreeMap<String, Module>,
    /// Tensors that take the base's place as they are, under their names there.
    pub(super) given: Vec<(String, usize)>,
}

/// What is the same in all names that peft writes.
const WRAPPER: &str = "base_model.model.";

impl Keys {
    /// Sorts the tensors of an adapter.
    pub(super) fn of(adapter: &dyn Checkpoint) -> Result<Self, MergeError> {
        let mut keys = Self::default();
        for (place, info) in adapter.tensors().iter().enumerate() {
            let name = info.name().strip_prefix(WRAPPER).unwrap_or(info.name());
            let name = name.replace(".default", "");
            let Some((module, factor)) = name.split_once(".lora_") else {
                let name = name
                    .replace(".modules_to_save", "")
                    .replace(".base_layer", "");
                if name.contains("token_adapter") || name.contains("trainable_tokens") {
                    return Err(unknown(info.name()));
                }
                keys.given.push((name, place));
                continue;
            };
            let module = keys.modules.entry(module.to_owned()).or_default();
            let field = match factor.trim_end_matches(".weight") {
                "A" => &mut module.a,
                "B" => &mut module.b,
                "magnitude_vector" => &mut module.lengths,
                "embedding_A" => {
                    module.is_table = true;
                    &mut module.a
                }
                "embedding_B" => {
                    module.is_table = true;
                    &mut module.b
                }
                _ => return Err(unknown(info.name())),
            };
            if field.replace(place).is_some() {
                return Err(tensor(info.name(), "there are two of it"));
            }
        }
        Ok(keys)
    }
}

/// How the names of an adapter become those of its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renaming {
    /// How many parts at the front are left out.
    cut: usize,
}

impl Renaming {
    /// The least change after which the base has most of the weights that the adapter adds to: a
    /// file may hold the model inside of the one that was trained.
    pub(super) fn of(keys: &Keys, base: &Tensors) -> Self {
        const MOST: usize = 3;
        let found = |cut: usize| {
            let renaming = Self { cut };
            let names = keys.modules.keys();
            names
                .filter(|module| renaming.weight(module, base).is_some())
                .count()
        };
        let counts: Vec<usize> = (0..MOST).map(found).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        let cut = counts.iter().position(|&count| count == most).unwrap_or(0);
        Self { cut }
    }

    /// The weight of a module.
    pub(super) fn weight(&self, module: &str, base: &Tensors) -> Option<usize> {
        base.index_of(&format!("{}.weight", self.name(module)?))
    }

    /// A name in the base.
    pub(super) fn name<'n>(&self, name: &'n str) -> Option<&'n str> {
        let mut rest = name;
        for _ in 0..self.cut {
            rest = rest.split_once('.')?.1;
        }
        Some(rest)
    }
}

fn unknown(name: &str) -> MergeError {
    tensor(
        name,
        "it is of a variant of LoRA that is not merged here; merge it with \
         PeftModel.merge_and_unload()",
    )
}

pub(super) fn tensor(name: &str, problem: &str) -> MergeError {
    MergeError::Tensor {
        tensor: Quoted::new(name),
        problem: problem.to_owned(),
    }
}
