//! The network of a configuration of transformers: a built-in one with the configuration's sizes.

use std::collections::BTreeMap;

use super::built_in::text;
use super::definition::Network;
use super::error::NetworkError;
use super::syntax::Document;
use crate::family::{Blueprint, Config, ConfigError};
use crate::formula::Value;

/// Why a configuration's model does not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigNetworkError {
    /// No network is known for it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network cannot have these sizes.
    #[error("the network {network} cannot be built from the configuration")]
    Network {
        /// The built-in network.
        network: &'static str,
        /// The reason.
        #[source]
        error: NetworkError,
    },
    /// The network's tensors are not the model's.
    #[error(
        "what {architecture} computes is not described: the network {network} {difference}; export \
         the model to ONNX and give that file"
    )]
    Tensors {
        /// The model's class.
        architecture: String,
        /// The built-in network.
        network: &'static str,
        /// The first tensor that differs.
        difference: String,
    },
}

impl Network {
    /// The network that computes what the model of a configuration does. Its tensors are those of
    /// the blueprint, with all that the configuration says of them. `sizes` are values for
    /// parameters of the network that no configuration has, such as `length`.
    ///
    /// # Errors
    /// No network is known for the family or for one of its options, or its tensors differ.
    ///
    /// ```
    /// use semilla::family::Config;
    /// use semilla::network::Network;
    ///
    /// let config: Config = serde_json::from_str(
    ///     r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 2}"#,
    /// )?;
    /// let network = Network::of_config(&config, &config.blueprint()?, &[("length".into(), 16)])?;
    /// assert_eq!(network.model.tensors[0].name, "transformer.wte.weight");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_config(
        config: &Config,
        blueprint: &Blueprint,
        sizes: &[(String, usize)],
    ) -> Result<Self, ConfigNetworkError> {
        let computation = config.computation(blueprint)?;
        let network = computation.network;
        let failed = |error| ConfigNetworkError::Network { network, error };
        let document = Document::read(text(network).unwrap_or_default()).map_err(failed)?;
        let mut values = computation.values;
        // Not every network has parts that a class may leave out.
        values.retain(|(name, _)| name != "class" || document.has(name));
        for (name, size) in sizes.iter().filter(|(name, _)| document.has(name)) {
            values.push((name.clone(), Value::Number(*size as f64)));
        }
        let built = Self::of(&document, values).map_err(failed)?;
        match difference(&built, blueprint) {
            Some(difference) => Err(ConfigNetworkError::Tensors {
                architecture: blueprint.architecture.clone(),
                network,
                difference,
            }),
            None => Ok(Self {
                model: blueprint.model(),
                graph: built.graph,
            }),
        }
    }
}

/// The first difference between a network's tensors and those that the library would save.
fn difference(network: &Network, blueprint: &Blueprint) -> Option<String> {
    let tensors = network.model.tensors.iter();
    let mut found: BTreeMap<&str, &[usize]> = tensors
        .map(|tensor| (&*tensor.name, &*tensor.shape))
        .collect();
    for part in blueprint.tensors.iter().filter(|part| part.is_saved) {
        match found.remove(&*part.name) {
            Some(shape) if shape == part.shape => {}
            Some(shape) => {
                return Some(format!(
                    "has {} as {shape:?}, not {:?}",
                    part.name, part.shape
                ));
            }
            None => return Some(format!("has no tensor {}", part.name)),
        }
    }
    let more = found.into_keys().next();
    more.map(|name| format!("has a tensor {name} of its own"))
}
