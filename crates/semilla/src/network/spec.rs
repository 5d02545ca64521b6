//! The tensors and the computation of a network in one line, each by itself.

use super::definition::Network;
use super::error::NetworkError;
use crate::graph::Graph;
use crate::model::Model;

/// Networks in one line, for those who need only their tensors, or only their computation.
pub struct Spec;

impl Spec {
    /// The tensors of [`Network::named`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use semilla::model::Spec;
    ///
    /// let model = Spec::parse("mlp:784-256-10:relu")?;
    /// assert_eq!(model.tensors[0].name, "layers.0.weight");
    /// assert_eq!(model.tensors[0].shape, [256, 784]);
    /// # Ok::<(), semilla::model::SpecError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Model, NetworkError> {
        Ok(Network::named(text)?.model)
    }

    /// The computation of [`Network::named`]: its initializers are the tensors that [`Spec::parse`]
    /// lists, under the same names.
    ///
    /// # Errors
    /// As there.
    pub fn graph(text: &str) -> Result<Graph, NetworkError> {
        Ok(Network::named(text)?.graph)
    }
}
