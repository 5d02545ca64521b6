//! Families of transformers' models, and the tensors that a `config.json` of one makes.
//!
//! A family is described once, in a file of `families/`: the fields of its configuration with their
//! defaults, and its modules as a tree with sizes, roles and initial distributions. From it and a
//! [`Config`] comes a [`Blueprint`]: every tensor that transformers would save, with all that is
//! known of it. How such a file is written is told in `families/README.md`.
//!
//! ```
//! use semilla::family::Config;
//! use semilla::{Recipe, Role};
//!
//! let config: Config = serde_json::from_str(
//!     r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 2}"#,
//! )?;
//! let blueprint = config.blueprint()?;
//! let model = blueprint.model();
//! let tensor = &model.tensors[0];
//! assert_eq!((&*tensor.name, tensor.role), ("transformer.wte.weight", Role::Embedding));
//! assert_eq!(tensor.shape, [50257, 768]);
//! // As the library itself would initialize them.
//! let plan = Recipe::named("transformers")?.following(&blueprint).plan(&model, 0)?;
//! assert_eq!(plan.line("transformer.h.1.attn.c_proj.weight").unwrap().std, Some(0.01));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blueprint;
mod built_in;
mod computation;
mod config;
mod definition;
mod error;
mod expand;
mod lineage;
mod module;
mod read;
mod scope;

pub use crate::formula::Value;
pub use blueprint::{Blueprint, BlueprintTensor, ConfigRemark, Mismatch};
pub use built_in::model_types;
pub use config::Config;
pub use error::ConfigError;

#[cfg(test)]
mod tests;
