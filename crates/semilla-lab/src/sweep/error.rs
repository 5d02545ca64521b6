//! Why starts cannot be compared.

use crate::error::LabError;
use crate::store::StoreError;

/// Why starts cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A trial does not run.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The protocol or the starts make no comparison.
    #[error("{0}")]
    Protocol(String),
    /// A name of a start is no recipe and no initializer.
    #[error("{name:?} is no recipe, initializer or file; semilla recipes lists what there is")]
    Start {
        /// The name.
        name: String,
        /// What is wrong with it.
        #[source]
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An engine other than this process failed.
    #[error("the engine {engine} failed: {problem}")]
    Engine {
        /// The engine.
        engine: &'static str,
        /// What it said.
        problem: String,
    },
}
