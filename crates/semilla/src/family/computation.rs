//! The built-in network that computes what a configuration's model does.

use super::error::ConfigError;
use super::lineage::Lineage;
use super::scope::Scope;
use crate::formula::Value;

/// A built-in network, and the values of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Computation {
    /// The network's name.
    pub(crate) network: &'static str,
    /// Values of its parameters.
    pub(crate) values: Vec<(String, Value)>,
}

/// The network of a family's model whose class ends in `head`.
pub(super) fn computation(
    lineage: &Lineage,
    config: &Value,
    head: &str,
) -> Result<Computation, ConfigError> {
    let model_type = lineage.name();
    let (network, all) = lineage
        .network()
        .ok_or(ConfigError::NoNetwork { model_type })?;
    let scope = Scope::new(lineage.clone(), config.clone());
    for (words, condition) in all.iter().flat_map(|of| &of.refusals) {
        let holds = condition
            .value(&scope)
            .map_err(|problem| ConfigError::at(words, problem))?;
        if holds.is_true() {
            return Err(ConfigError::NotComputed {
                model_type,
                reason: words.clone(),
            });
        }
    }
    let mut values: Vec<(String, Value)> = vec![("class".to_owned(), Value::text(head))];
    for (name, expression) in all.iter().flat_map(|of| &of.parameters) {
        if values.iter().all(|(known, _)| known != name) {
            let value = expression.value(&scope);
            values.push((
                name.clone(),
                value.map_err(|problem| ConfigError::at(name, problem))?,
            ));
        }
    }
    Ok(Computation { network, values })
}
