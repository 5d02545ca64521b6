//! Chooses the matrices of a model that get an adapter.

use crate::dtype::DType;
use crate::glob::glob_match;
use crate::layout::{Axis, Layout};
use crate::model::{Model, Role, Tensor};
use crate::suggest::did_you_mean;

/// A matrix that gets an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The tensor's index in the model.
    pub tensor: usize,
    /// The module whose `weight` it is; peft names adapters after modules.
    pub module: String,
    /// Output features.
    pub out: usize,
    /// Input features.
    pub input: usize,
    /// Whether the tensor is stored `[in, out]`, as GPT-2's `Conv1D` is.
    pub is_turned: bool,
}

/// Why no matrices could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No matrix was recognized as attention's, and no glob was given.
    #[error(
        "no query, value or fused query-key-value matrix was recognized; choose matrices by \
         --target{example}"
    )]
    NoAttention {
        /// `, such as "..."`, or nothing.
        example: String,
    },
    /// A glob that matches no tensor.
    #[error("--target {glob:?} matches no tensor{hint}")]
    Unfired {
        /// The glob.
        glob: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// A chosen tensor is not a matrix.
    #[error(
        "{name} has shape {shape:?}; only matrices can be adapted: narrow the --target that \
         matches it"
    )]
    NotMatrix {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A chosen matrix is a lookup table.
    #[error(
        "{name} is a table of embeddings, and these adapters are for linear layers; leave it out \
         of --target"
    )]
    Table {
        /// The tensor.
        name: String,
    },
    /// It is not known which axis is the input.
    #[error(
        "the name of {name} does not say which axis is its input; only weights of known layers \
         can be adapted: leave it out of --target"
    )]
    NoLayout {
        /// The tensor.
        name: String,
    },
    /// A chosen tensor is not the `weight` of a module.
    #[error(
        "{name} is not a module's weight (its name does not end with .weight), but peft adapts \
         modules; leave it out of --target"
    )]
    NotWeight {
        /// The tensor.
        name: String,
    },
    /// The element type is quantized, or too coarse for a residual.
    #[error(
        "{name} is stored as {dtype}; adapters need weights in f64, f32, f16 or bf16: convert it \
         first"
    )]
    DType {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: DType,
    },
}

impl Target {
    /// The matrices whose tensor or module matches one of the globs, in the model's order. Without
    /// globs, attention's query and value matrices, or the fused query-key-value matrix: peft's
    /// choice for most transformers.
    ///
    /// # Errors
    /// A glob matches nothing, a tensor that matches is not the weight of a linear layer, or there
    /// are no globs and no attention was recognized.
    pub fn choose(model: &Model, globs: &[String]) -> Result<Vec<Self>, TargetError> {
        let tensors = || model.tensors.iter().enumerate();
        if globs.is_empty() {
            let default = |tensor: &Tensor| {
                matches!(tensor.role, Role::Query | Role::Value | Role::Qkv)
                    && module(&tensor.name).is_some()
            };
            let chosen = tensors().filter(|(_, tensor)| default(tensor));
            let targets: Vec<Self> = chosen
                .map(|(i, t)| Self::new(i, t))
                .collect::<Result<_, _>>()?;
            return match targets.is_empty() {
                false => Ok(targets),
                true => Err(no_attention(model)),
            };
        }
        for glob in globs {
            if !model
                .tensors
                .iter()
                .any(|tensor| matches_tensor(glob, tensor))
            {
                let names = model
                    .tensors
                    .iter()
                    .map(|tensor| module(&tensor.name).unwrap_or(&tensor.name));
                let hint = match did_you_mean(glob, names) {
                    near if near.is_empty() => {
                        example(model).map_or(near, |name| format!("; a matrix here is {name:?}"))
                    }
                    near => near,
                };
                let glob = glob.clone();
                return Err(TargetError::Unfired { glob, hint });
            }
        }
        let chosen =
            tensors().filter(|(_, tensor)| globs.iter().any(|glob| matches_tensor(glob, tensor)));
        chosen.map(|(i, tensor)| Self::new(i, tensor)).collect()
    }

    fn new(index: usize, tensor: &Tensor) -> Result<Self, TargetError> {
        let name = || tensor.name.clone();
        let &[rows, columns] = tensor.shape.as_slice() else {
            let shape = tensor.shape.clone();
            return Err(TargetError::NotMatrix {
                name: name(),
                shape,
            });
        };
        let Some(module) = module(&tensor.name) else {
            return Err(TargetError::NotWeight { name: name() });
        };
        if !matches!(
            tensor.dtype,
            DType::F64 | DType::F32 | DType::F16 | DType::BF16
        ) {
            let dtype = tensor.dtype;
            return Err(TargetError::DType {
                name: name(),
                dtype,
            });
        }
        let is_turned = match tensor.layout.as_ref().map(Layout::axes) {
            Some([Axis::Out, Axis::In]) => false,
            Some([Axis::In, Axis::Out]) => true,
            Some([Axis::Vocabulary, _]) => return Err(TargetError::Table { name: name() }),
            _ => return Err(TargetError::NoLayout { name: name() }),
        };
        let (out, input) = if is_turned {
            (columns, rows)
        } else {
            (rows, columns)
        };
        Ok(Self {
            tensor: index,
            module: module.to_owned(),
            out,
            input,
            is_turned,
        })
    }
}

/// The module that a tensor is the weight of.
fn module(name: &str) -> Option<&str> {
    name.strip_suffix(".weight")
        .filter(|module| !module.is_empty())
}

fn matches_tensor(glob: &str, tensor: &Tensor) -> bool {
    glob_match(glob, &tensor.name)
        || module(&tensor.name).is_some_and(|module| glob_match(glob, module))
}

/// A module that could be a target.
fn example(model: &Model) -> Option<&str> {
    let fitting = model
        .tensors
        .iter()
        .enumerate()
        .find(|(i, tensor)| Target::new(*i, tensor).is_ok());
    fitting.and_then(|(_, tensor)| module(&tensor.name))
}

fn no_attention(model: &Model) -> TargetError {
    let example = example(model).map_or(String::new(), |name| format!(", such as {name:?}"));
    TargetError::NoAttention { example }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Convention;

    fn model(tensors: &[(&str, &[usize])]) -> Model {
        let tensors = tensors
            .iter()
            .map(|(name, shape)| (name.to_string(), shape.to_vec(), DType::F32));
        Model::infer(tensors, Convention::Pytorch)
    }

    fn chosen(model: &Model, globs: &[&str]) -> Result<Vec<String>, TargetError> {
        let globs: Vec<String> = globs.iter().map(|glob| glob.to_string()).collect();
        Ok(Target::choose(model, &globs)?
            .into_iter()
            .map(|target| target.module)
            .collect())
    }

    const BERT: [(&str, &[usize]); 6] = [
        ("embeddings.word_embeddings.weight", &[100, 8]),
        ("encoder.layer.0.attention.self.query.weight", &[8, 8]),
        ("encoder.layer.0.attention.self.query.bias", &[8]),
        ("encoder.layer.0.attention.self.key.weight", &[8, 8]),
        ("encoder.layer.0.attention.self.value.weight", &[8, 8]),
        ("encoder.layer.0.intermediate.dense.weight", &[32, 8]),
    ];

    #[test]
    fn by_default_those_of_peft() {
        let attention = "encoder.layer.0.attention.self";
        let expected = ["query", "value"].map(|part| format!("{attention}.{part}"));
        assert_eq!(chosen(&model(&BERT), &[]).unwrap(), expected);
        let gpt2 = model(&[
            ("h.0.attn.c_attn.weight", &[8, 24]),
            ("h.0.attn.c_proj.weight", &[8, 8]),
        ]);
        let targets = Target::choose(&gpt2, &[]).unwrap();
        let target = Target {
            tensor: 0,
            module: "h.0.attn.c_attn".to_owned(),
            out: 24,
            input: 8,
            is_turned: true,
        };
        assert_eq!(targets, [target]);
        let plain = model(&[("fc.weight", &[4, 3]), ("fc.bias", &[4])]);
        let error = chosen(&plain, &[]).unwrap_err().to_string();
        assert!(error.ends_with("by --target, such as \"fc\""), "{error}");
    }

    #[test]
    fn globs_match_modules_and_tensors_or_are_errors() {
        let model = model(&BERT);
        assert_eq!(
            chosen(&model, &["*.dense"]).unwrap(),
            ["encoder.layer.0.intermediate.dense"]
        );
        assert_eq!(
            chosen(&model, &["*.key", "*.query.weight"]).unwrap().len(),
            2
        );
        assert!(matches!(
            chosen(&model, &["*.query", "*.quary"]),
            Err(TargetError::Unfired { glob, .. }) if glob == "*.quary"
        ));
        assert!(matches!(
            chosen(&model, &["*.query*"]),
            Err(TargetError::NotMatrix { .. })
        ));
        assert!(matches!(
            chosen(&model, &["embeddings.*"]),
            Err(TargetError::Table { .. })
        ));
        let near = chosen(&model, &["encoder.layer.0.attention.self.quary"]).unwrap_err();
        assert!(near.to_string().contains("self.query\"?"), "{near}");
    }

    #[test]
    fn what_peft_cannot_adapt_is_an_error() {
        let tensors = [
            ("in_proj_weight", DType::F32),
            ("a.weight", DType::F8E4M3),
            ("a.odd", DType::F32),
        ];
        let list = tensors.map(|(name, dtype)| (name.to_owned(), vec![6, 4], dtype));
        let model = Model::infer(list.to_vec(), Convention::Pytorch);
        assert!(matches!(
            chosen(&model, &["in_proj*"]),
            Err(TargetError::NotWeight { .. })
        ));
        assert!(matches!(
            chosen(&model, &["a.weight"]),
            Err(TargetError::DType { .. })
        ));
        assert!(matches!(
            chosen(&model, &["a.odd"]),
            Err(TargetError::NotWeight { .. })
        ));
    }
}
