//! Describing a model: its tensors from a file, a folder, a list of shapes or one line.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use semilla::family::Config;
use semilla::model::{Convention, Evidence, Facts, MixedNames, Source, graph_facts};
use semilla::network::{About, ConfigNetworkError, Network, NetworkError};
use semilla::{DType, Graph, Initializer, Model, Recipe};

use crate::ops::config::{
    ConfigFileError, Configured, beside, in_place_of_weights, of_weights, parse_config, read_config,
};
use crate::ops::own::{NoModel, own_model};
use crate::ops::text::{TextError, read_text};
use crate::{Checkpoint, Error, Limits, Manifest, Quoted, open};

/// More than a network takes that someone writes.
const NETWORK_BYTES: u64 = 1 << 20;

/// How to read a model's description.
#[derive(Clone, Debug, Default)]
pub struct DescribeOptions {
    /// The convention by which its weights are stored. Overrides what format and names say.
    pub convention: Option<Convention>,
    /// The type in which its floating-point tensors are to be written.
    pub dtype: Option<DType>,
    /// The model's `config.json`; by default the one beside a file of transformers' formats.
    pub config: Option<PathBuf>,
    /// Values for a network's parameters of these names, such as `height`; others are left alone.
    pub sizes: Vec<(String, usize)>,
}

/// A model, and the file that it was read from.
pub struct Described {
    /// Its tensors with their roles.
    pub model: Model,
    /// The convention by which its weights are stored.
    pub convention: Convention,
    /// Set if the convention was read off names and is not the default.
    pub inferred: Option<Inferred>,
    /// The open file; `None` for a one-line description and for a configuration alone.
    pub file: Option<Box<dyn Checkpoint>>,
    /// What its `config.json` says of it.
    pub config: Option<Configured>,
    /// Why the `config.json` beside it, or the one that a live model has, says nothing.
    pub config_error: Option<ConfigFileError>,
    /// The computation of a network that is described in TOML or in one line.
    network: Option<Graph>,
    /// Sizes of inputs that a configuration does not state.
    sizes: Vec<(String, usize)>,
}

/// Why a described model does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Nothing says what it computes.
    #[error(
        "it has no computation to run; give an ONNX file, a network in TOML, or the name of one, \
         such as mlp:784-256-10:relu (`semilla networks` lists them)"
    )]
    None,
    /// What the model of the configuration computes is not described.
    #[error(transparent)]
    Config(#[from] ConfigNetworkError),
}

impl Described {
    /// The initial values that a live model's own library gives to its tensors, by their names, as far
    /// as the model states them.
    pub fn starts(&self) -> impl Iterator<Item = (&str, &Initializer)> {
        let file = self.file.as_deref();
        let tensors = file.into_iter().flat_map(|file| {
            let named = file.tensors().iter().enumerate();
            named.map(move |(place, info)| (file.start(place), info.name()))
        });
        tensors.filter_map(|(start, name)| Some((name, start?)))
    }

    /// The recipe to take if none is asked for: of a configuration alone, the library's own
    /// initial values; else `auto`.
    pub fn recipe(&self) -> Recipe {
        match (&self.config, &self.file) {
            (Some(config), None) => Recipe::transformers().following(&config.blueprint),
            _ => Recipe::auto(),
        }
    }

    /// What the model computes: as its network is described, as its file has it, or as its
    /// `config.json` says.
    ///
    /// # Errors
    /// [`GraphError`].
    pub fn graph(&self) -> Result<Cow<'_, Graph>, GraphError> {
        let own = self.network.as_ref();
        let of_file = || self.file.as_ref().and_then(|file| file.graph());
        if let Some(found) = own.or_else(of_file) {
            return Ok(Cow::Borrowed(found));
        }
        let config = self.config.as_ref().ok_or(GraphError::None)?;
        let network = Network::of_config(&config.config, &config.blueprint, &self.sizes)?;
        Ok(Cow::Owned(network.graph))
    }
}

/// A convention that was read off a tensor's name, because the format states none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The convention.
    pub convention: Convention,
    /// The name that gives it away.
    pub name: Quoted,
}

impl std::fmt::Display for Inferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { convention, name } = self;
        write!(
            f,
            "read in {convention}'s layout because of names such as {name}"
        )
    }
}

/// Why a model could not be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// Neither a path nor a network.
    #[error(
        "{0:?} is neither a file nor a network; give a file of weights, a folder of shards with \
         its index, a config.json, a JSON list of shapes, a network in TOML, or the name of one, \
         such as mlp:784-256-10:relu"
    )]
    NotFound(String),
    /// There is no such network, or it cannot have these parameters.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network in a file cannot be read.
    #[error("cannot take the network from {}", path.display())]
    NetworkFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: NetworkError,
    },
    /// The file of a network cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// The configuration describes no model.
    #[error(transparent)]
    Config(#[from] ConfigFileError),
    /// A configuration beside a model that is described otherwise.
    #[error("{0:?} describes itself; --config goes with a file of weights")]
    ConfigOfDescription(String),
    /// The checkpoint holds no model.
    #[error(transparent)]
    NoModel(#[from] NoModel),
    /// The names follow two conventions that store weights differently.
    #[error("{}: {names}; state the layout: pytorch, keras or jax", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The names that contradict each other.
        names: MixedNames,
    },
    /// Weights cannot be integers.
    #[error("{0} is an integer type; weights need f64, f32, f16, bf16, f8e4m3fn or f8e5m2")]
    IntegerDType(DType),
}

/// Reads a model's names, shapes and types, but no weights.
///
/// `model` is a path (whatever [`open`] reads, or a network in TOML, perhaps with values of its
/// parameters: `net.toml:depth=12`), or the name of a built-in [`Network`] with its parameters; a
/// path goes first. Of a trainer's checkpoint only the model is described, under its own names
/// ([`own_model`]).
///
/// # Errors
/// [`DescribeError`].
///
/// ```
/// use semilla_checkpoint::ops::{DescribeOptions, describe};
///
/// let described = describe("mlp:784-256-10:relu", DescribeOptions::default())?;
/// assert_eq!(described.model.tensors[0].shape, [256, 784]);
/// # Ok::<(), semilla_checkpoint::ops::DescribeError>(())
/// ```
pub fn describe(model: &str, options: DescribeOptions) -> Result<Described, DescribeError> {
    let path = Path::new(model);
    let mut described = if let Some((path, values)) = network_file(model) {
        let text = read_text(path, NETWORK_BYTES)?;
        let network = network(&text, values, &options.sizes);
        describe_network(network.map_err(|error| DescribeError::NetworkFile {
            path: path.to_owned(),
            error,
        })?)
    } else if path.exists() {
        match open(path) {
            Ok(file) => {
                let config = options.config.as_deref().map(|path| {
                    Ok::<_, ConfigFileError>(StatedConfig {
                        path: path.to_owned(),
                        config: read_config(path)?,
                        is_asked: true,
                    })
                });
                let config = config.transpose()?;
                of_checkpoint(own_model(file, path)?, path, options.convention, config)?
            }
            Err(error) => of_config(path, error)?,
        }
    } else if Network::is_meant(model) {
        let (text, values) = Network::toml(model)?;
        describe_network(network(text, values, &options.sizes)?)
    } else {
        return Err(DescribeError::NotFound(model.to_owned()));
    };
    if options.config.is_some() && described.file.is_none() {
        return Err(DescribeError::ConfigOfDescription(model.to_owned()));
    }
    described.sizes = options.sizes;
    if let Some(dtype) = options.dtype {
        convert(&mut described.model, dtype)?;
    }
    Ok(described)
}

/// Describes the tensors of a network that was read already.
pub fn describe_network(network: Network) -> Described {
    Described {
        model: network.model,
        convention: Convention::Pytorch,
        inferred: None,
        file: None,
        config: None,
        config_error: None,
        network: Some(network.graph),
        sizes: Vec::new(),
    }
}

/// The path of a network in TOML, and the values behind it.
fn network_file(model: &str) -> Option<(&Path, &str)> {
    let ends = |text: &str| Path::new(text).extension().is_some_and(|end| end == "toml");
    let is_file = |text: &str| ends(text) && Path::new(text).is_file();
    if is_file(model) {
        return Some((Path::new(model), ""));
    }
    let mut colons = model.match_indices(':').map(|(at, _)| at);
    let at = colons.find(|&at| is_file(&model[..at]))?;
    Some((Path::new(&model[..at]), &model[at + 1..]))
}

/// The network of a text, with values of its parameters, and sizes of those that it has.
fn network(text: &str, values: &str, sizes: &[(String, usize)]) -> Result<Network, NetworkError> {
    let mut values = values.to_owned();
    if !sizes.is_empty() {
        let known = About::read(text)?.parameters;
        for (name, size) in sizes {
            if known.iter().any(|(known, _)| known == name) {
                values.push_str(&format!(":{name}={size}"));
            }
        }
    }
    Network::read(text, &values)
}

/// The model of a configuration that lies where weights were looked for.
fn of_config(path: &Path, error: Error) -> Result<Described, DescribeError> {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let may_be = is_json || matches!(error, Error::Unrecognized { .. } | Error::Folder { .. });
    let config = may_be.then(|| in_place_of_weights(path)).flatten();
    let config = config.ok_or(error)??;
    Ok(Described {
        model: config.blueprint.model(),
        convention: Convention::Pytorch,
        inferred: None,
        file: None,
        config: Some(config),
        config_error: None,
        network: None,
        sizes: Vec::new(),
    })
}

/// Describes a live model: the list of shapes that it makes of itself ([`Manifest`]), and its
/// `config.json`, if it has one. A configuration of a family that is not described says nothing more
/// ([`Described::config_error`]): the model knows most of itself.
///
/// # Errors
/// [`DescribeError`].
///
/// ```
/// use semilla_checkpoint::ops::describe_shapes;
///
/// let list = r#"{"fc.weight": {"dtype": "F32", "shape": [8, 8], "layout": "IO"}}"#;
/// let described = describe_shapes(list, None, None)?;
/// assert_eq!(described.model.tensors[0].layout.as_ref().unwrap().to_string(), "IO");
/// # Ok::<(), semilla_checkpoint::ops::DescribeError>(())
/// ```
pub fn describe_shapes(
    json: &str,
    config: Option<&str>,
    convention: Option<Convention>,
) -> Result<Described, DescribeError> {
    let path = Path::new("the model");
    let list = Manifest::parse(path, json.as_bytes(), &Limits::default());
    let list = list.map_err(Error::malformed(path))?;
    let config = config.map(|text| parse_config(path, text)).transpose()?;
    let config = config.map(|config| StatedConfig {
        path: path.to_owned(),
        config,
        is_asked: false,
    });
    of_checkpoint(Box::new(list), path, convention, config)
}

/// A configuration, and whether the user asked for what it says.
struct StatedConfig {
    path: PathBuf,
    config: Config,
    is_asked: bool,
}

/// Describes the tensors of an open checkpoint. `path` is its name in errors, and beside it a
/// `config.json` is looked for.
///
/// # Errors
/// [`DescribeError::Layout`].
pub fn describe_checkpoint(
    file: Box<dyn Checkpoint>,
    path: impl Into<PathBuf>,
    convention: Option<Convention>,
) -> Result<Described, DescribeError> {
    of_checkpoint(file, &path.into(), convention, None)
}

fn of_checkpoint(
    file: Box<dyn Checkpoint>,
    path: &Path,
    convention: Option<Convention>,
    config: Option<StatedConfig>,
) -> Result<Described, DescribeError> {
    let tensors = file.tensors();
    // Files of PyTorch hold GPT-2's Conv1D as well, so only the user rules that out.
    let is_asked = convention.is_some();
    let stated = convention.or(file.format().convention());
    let inferred = match stated {
        Some(_) => None,
        None => Convention::of_names(tensors.iter().map(|info| info.name())).map_err(|names| {
            DescribeError::Layout {
                path: path.to_owned(),
                names,
            }
        })?,
    };
    let inferred = inferred.map(|(convention, name)| Inferred {
        convention,
        name: Quoted::new(name),
    });
    let convention = stated.or(inferred.as_ref().map(|inferred| inferred.convention));
    let convention = convention.unwrap_or_default();
    let named = tensors
        .iter()
        .map(|info| (info.name().to_owned(), info.shape().to_vec(), info.dtype()));
    let evidence = match is_asked {
        true => Evidence::stated(convention),
        false => Evidence::guessed(convention),
    };
    let mut evidence = with_facts_of(&*file, evidence);
    let config = config.or_else(|| {
        beside(&*file, path).map(|(path, config)| StatedConfig {
            path,
            config,
            is_asked: false,
        })
    });
    let said = config
        .as_ref()
        .map(|stated| configured((&stated.path, &stated.config), &*file, &mut evidence));
    let (config, config_error) = match (said.transpose(), config) {
        (Ok(said), _) => (said, None),
        (Err(error), Some(stated)) if stated.is_asked => return Err(error.into()),
        (Err(error), _) => (None, Some(error)),
    };
    let model = Model::derive(named, evidence);
    Ok(Described {
        model,
        config,
        config_error,
        convention,
        inferred: inferred.filter(|_| convention != Convention::default()),
        file: Some(file),
        network: None,
        sizes: Vec::new(),
    })
}

/// What a configuration says of a file's tensors, added to the evidence.
fn configured(
    (path, config): (&Path, &Config),
    file: &dyn Checkpoint,
    evidence: &mut Evidence,
) -> Result<Configured, ConfigFileError> {
    let names: Vec<&str> = file.tensors().iter().map(|info| info.name()).collect();
    let mut configured = of_weights(path, config, &names)?;
    let tensors = file
        .tensors()
        .iter()
        .map(|info| (info.name(), info.shape()));
    configured.mismatches = configured.blueprint.describe(tensors, evidence);
    Ok(configured)
}

/// The evidence, and what the file states of its tensors: by its graph, or by its format.
fn with_facts_of(file: &dyn Checkpoint, mut evidence: Evidence) -> Evidence {
    let mut graph = file.graph().map(graph_facts).unwrap_or_default();
    for (place, info) in file.tensors().iter().enumerate() {
        let of_graph = graph.remove(info.name());
        let layout = file.layout(place).cloned();
        let of_format = layout.map(|layout| Facts::from(Source::Format).layout(layout));
        let stated = file.facts(place).cloned();
        for facts in of_graph.into_iter().chain(of_format).chain(stated) {
            evidence.add(info.name(), facts);
        }
    }
    evidence
}

fn convert(model: &mut Model, dtype: DType) -> Result<(), DescribeError> {
    if !dtype.is_float() {
        return Err(DescribeError::IntegerDType(dtype));
    }
    let floats = model
        .tensors
        .iter_mut()
        .filter(|tensor| tensor.dtype.is_float());
    floats.for_each(|tensor| tensor.dtype = dtype);
    Ok(())
}
