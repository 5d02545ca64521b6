//! A network that runs: its tensors and its computation.

use super::build::build;
use super::built_in::{NAMES, text};
use super::error::NetworkError;
use super::settings::{self, shown};
use super::syntax::Document;
use crate::graph::Graph;
use crate::model::Model;
use crate::suggest::did_you_mean;

/// The tensors of a network and its computation, both from one description.
///
/// ```
/// use semilla::network::Network;
///
/// let network = Network::named("resnet:depth=50:classes=10")?;
/// let first = &network.model.tensors[0];
/// assert_eq!((&*first.name, &*first.shape), ("conv1.weight", &[64, 3, 7, 7][..]));
/// assert_eq!(network.graph.main().given().count(), 1);
/// # Ok::<(), semilla::network::NetworkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    /// Its tensors, under the names that PyTorch would give them.
    pub model: Model,
    /// Its computation: operators of ONNX and `Activation` of the domain `semilla`, whose attribute
    /// `function` is the text of an [`Activation`](crate::activation::Activation).
    pub graph: Graph,
}

impl Network {
    /// The names of the built-in networks.
    pub const NAMES: &[&str] = NAMES;

    /// A built-in network, in one line: its name, then values of its parameters, each behind a
    /// colon, in their order or with their names: `mlp:784-256-10:tanh`, `resnet:depth=18`.
    ///
    /// # Errors
    /// An unknown name, or what is wrong with a value.
    pub fn named(line: &str) -> Result<Self, NetworkError> {
        let (text, values) = Self::toml(line)?;
        Self::read(text, values)
    }

    /// The TOML of a built-in network, and what follows its name in the line.
    ///
    /// # Errors
    /// There is no network of that name.
    pub fn toml(line: &str) -> Result<(&'static str, &str), NetworkError> {
        let (name, values) = line.split_once(':').unwrap_or((line, ""));
        let text = text(name).ok_or_else(|| NetworkError::Unknown {
            name: name.chars().take(40).collect(),
            hint: did_you_mean(name, NAMES.iter().copied()),
            known: NAMES.to_vec(),
        })?;
        Ok((text, values))
    }

    /// Whether a text is meant as a network: the name of a built-in one, or a word and a colon. A
    /// file's path may look the same; look for the file first.
    pub fn is_meant(text: &str) -> bool {
        let is_word = |word: &str| {
            word.len() > 1
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let name = text.split_once(':').map(|(name, _)| name);
        NAMES.contains(&text) || name.is_some_and(is_word)
    }

    /// The network of a description in TOML, whose parameters have these values, written as behind
    /// the name of [`Network::named`]; without any, its defaults.
    ///
    /// # Errors
    /// The line or layer that cannot be read or built, and why.
    ///
    /// ```
    /// use semilla::network::Network;
    ///
    /// let text = r#"
    ///     [parameters]
    ///     width = 64
    ///
    ///     [inputs]
    ///     x = "numbers(3, 32, 32)"
    ///
    ///     [network]
    ///     layers = [
    ///         "stem: conv(width) -> relu",
    ///         { residual = ["conv: conv(width) -> bn: batch_norm -> relu"] },
    ///         "global_pool -> head: linear(10)",
    ///     ]
    /// "#;
    /// let network = Network::read(text, "width=16")?;
    /// let shapes = network.model.tensors.iter().map(|tensor| &*tensor.shape);
    /// assert_eq!(shapes.last(), Some(&[10][..]));
    /// # Ok::<(), semilla::network::NetworkError>(())
    /// ```
    pub fn read(toml: &str, values: &str) -> Result<Self, NetworkError> {
        let document = Document::read(toml)?;
        let values = settings::read(&document, values)?;
        Self::of(&document, values)
    }

    pub(super) fn of(document: &Document, values: settings::Values) -> Result<Self, NetworkError> {
        let scope = settings::scope(document, values)?;
        let (model, graph) = build(document, &scope)?;
        Ok(Self { model, graph })
    }
}

/// What is known of a network before it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it is, in one sentence.
    pub about: String,
    /// Its parameters and their defaults, as they are written in one line.
    pub parameters: Vec<(String, String)>,
    /// The sizes that it comes in.
    pub sizes: Vec<String>,
}

impl About {
    /// Reads it off a description in TOML.
    ///
    /// # Errors
    /// The line that cannot be read, and why.
    pub fn read(toml: &str) -> Result<Self, NetworkError> {
        let document = Document::read(toml)?;
        let parameters = document.parameters.into_iter();
        Ok(Self {
            about: document.about,
            parameters: parameters
                .map(|(name, value)| (name, shown(&value)))
                .collect(),
            sizes: document.presets.into_iter().map(|(name, _)| name).collect(),
        })
    }
}
