//! Networks that are described in TOML: their tensors and their computation, from one text.
//!
//! A description lists layers, which may repeat, branch and be conditional; sizes follow from what
//! comes in. Common networks are built in, each with parameters from tiny to real:
//! [`Network::NAMES`]. How a description is written is told in `docs/networks.md`.
//!
//! ```
//! use semilla::network::Network;
//!
//! let network = Network::named("mlp:784-256-10:tanh")?;
//! assert_eq!(network.model.tensors[0].name, "layers.0.weight");
//! # Ok::<(), semilla::network::NetworkError>(())
//! ```

mod attention;
mod build;
mod built_in;
mod definition;
mod document;
mod draft;
mod error;
mod given;
mod item;
mod layers;
mod line;
mod of_config;
mod scope;
mod settings;
mod spec;
mod steps;
mod syntax;
mod wider;

pub use definition::{About, Network};
pub use error::NetworkError;
pub use of_config::ConfigNetworkError;
pub use spec::Spec;

#[cfg(test)]
mod tests;
