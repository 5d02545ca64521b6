//! The plan: one line per tensor that says what will be written, and why.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Function, Limit, Stability};
use crate::dtype::DType;
use crate::fill::{Fill, FillError, Slice};
use crate::init::{Context, InitError, Initializer, Pretrained, Resolved};
use crate::layout::{FanRule, Fans, Layout};
use crate::model::{Model, Role, Tensor};
use crate::stream::{self, Key};
use crate::transfer::{Fate, Given, Load, Prefixes, Unused};

/// What a recipe decided for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The initializer.
    pub initializer: Initializer,
    /// Whose definition of the fans it uses.
    pub fans: FanRule,
    /// The layout that the recipe states, instead of the one that the model's convention gives.
    pub layout: Option<Layout>,
    /// Why, in words.
    pub reason: String,
    /// What checkpoints leave of it; the initializer fills the rest.
    pub fate: Fate,
}

/// One tensor's line of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The tensor's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type.
    pub dtype: DType,
    /// What it does in the network.
    pub role: Role,
    /// What its axes are, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Where its values come from.
    pub disposition: Disposition,
    /// The initializer that was chosen.
    pub initializer: Initializer,
    /// The fans that it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fans: Option<Fans>,
    /// The gain that it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// What the gain does to signals under the activation that follows, where both are known and no normalization is between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// The standard deviation of the elements, where one describes them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The concrete values: all that a replay uses, with the key.
    pub fill: Fill,
    /// The key of the tensor's stream.
    pub key: Key,
    /// Why.
    pub reason: String,
}

impl Line {
    /// The line of a tensor that a checkpoint gives whole.
    fn given(tensor: Tensor, given: Given, seed: u64) -> Self {
        Self {
            key: Key::new(seed, &tensor.name),
            reason: reason("", &given, &tensor.shape),
            name: tensor.name,
            shape: tensor.shape,
            dtype: tensor.dtype,
            role: tensor.role,
            layout: tensor.layout,
            disposition: given.disposition(),
            initializer: Initializer::Pretrained(Pretrained {}),
            fans: None,
            gain: None,
            signal: None,
            std: None,
            fill: given.fill,
        }
    }

    /// What of it comes from checkpoints, and where it goes.
    pub fn loads(&self) -> Vec<(Slice, &Load)> {
        self.fill.loads(&self.shape)
    }

    /// How many of its elements come from checkpoints.
    pub fn loaded_elements(&self) -> u64 {
        let loads = self.loads();
        loads
            .iter()
            .map(|(area, load)| load.elements(area.size()))
            .sum()
    }

    /// The load of a line that takes from one tensor of a checkpoint alone.
    pub fn load(&self) -> Option<&Load> {
        match &self.fill {
            Fill::Load(load) => Some(load),
            _ => None,
        }
    }
}

/// Where a tensor's values come from: of every tensor, one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A checkpoint's values as they are, in another order of axes or another element type at most.
    Copied,
    /// A checkpoint's values, combined, rearranged, or with a part that is new.
    Adapted {
        /// The operations, in order.
        by: Vec<String>,
    },
    /// Some of a checkpoint's units.
    Selected,
    /// A checkpoint's units, some of them several times.
    Grown,
    /// An initializer.
    Filled,
    /// An initializer, though a checkpoint has the tensor.
    Excluded {
        /// The rule that leaves it out.
        rule: String,
    },
    /// Those of another tensor.
    Tied {
        /// Its name.
        to: String,
    },
    /// The model's own file.
    Kept,
}

impl Disposition {
    /// Of a tensor that no checkpoint gives whole.
    fn of(fate: &Fate, initializer: &Initializer) -> Self {
        match (fate, initializer) {
            (Fate::Given(given), _) => given.disposition(),
            (_, Initializer::Keep(_)) => Disposition::Kept,
            (Fate::Excluded { rule }, _) => Disposition::Excluded { rule: rule.clone() },
            (Fate::New, _) => Disposition::Filled,
        }
    }
}

impl std::fmt::Display for Disposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Disposition::Copied => f.write_str("copied"),
            Disposition::Adapted { by } => write!(f, "adapted by {}", by.join(", ")),
            Disposition::Selected => f.write_str("selected"),
            Disposition::Grown => f.write_str("grown"),
            Disposition::Filled => f.write_str("filled"),
            Disposition::Excluded { rule } => write!(f, "excluded by {rule}"),
            Disposition::Tied { to } => write!(f, "tied to {to}"),
            Disposition::Kept => f.write_str("kept"),
        }
    }
}

/// The reason for the part that is drawn, after what is loaded.
fn reason(drawn: &str, given: &Given, shape: &[usize]) -> String {
    let loads = given.fill.loads(shape);
    let mut parts = Vec::new();
    let mut names: Vec<&str> = loads.iter().map(|(_, load)| load.tensor.as_str()).collect();
    names.dedup();
    match &names[..] {
        [] => {}
        [one, .., last] if names.len() > 3 => {
            parts.push(format!("from {one} to {last} ({} tensors)", names.len()));
        }
        _ => parts.push(format!("from {}", names.join(", "))),
    }
    if let Some((_, load)) = loads.first().filter(|(_, load)| !load.permute.is_empty()) {
        parts.push(format!("axes {:?}", load.permute));
    }
    if !given.note.is_empty() {
        parts.push(given.note.clone());
    }
    let all: u64 = shape.iter().map(|&size| size as u64).product();
    let taken: u64 = loads
        .iter()
        .map(|(area, load)| load.elements(area.size()))
        .sum();
    if taken < all && !drawn.is_empty() {
        parts.push(format!("{taken} of {all} elements, the rest: {drawn}"));
    }
    parts.join("; ")
}

/// What becomes of signals in a deep stack of layers like this one, by mean-field theory
/// (Poole et al. 2016; Schoenholz et al. 2017): a gain that keeps the variance need not be critical.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The activation after the layer.
    pub activation: Activation,
    /// The forward gain, std · √fan_in.
    pub gain: f64,
    /// The factor on squared gradients per layer at unit variance.
    pub chi1: f64,
    /// Where the variance goes.
    pub variance: Variance,
}

/// Where the pre-activation variance goes from 1, layer after layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// To 0: the signal dies.
    Vanishes,
    /// Beyond all bounds.
    Explodes,
    /// To a fixed point that returns from small errors.
    Stable,
    /// It stays where it is, errors included, as with ReLU and its gain √2.
    Neutral,
    /// It stands on a fixed point that small errors leave, as with GELU and SiLU at their exact gains.
    Unstable,
}

impl Signal {
    /// The theory at a gain; `None` where the moments do not exist.
    pub fn new(activation: Activation, gain: f64) -> Option<Self> {
        let report = Function::from(activation).gain(gain).ok()?;
        let variance = match report.limit? {
            Limit::Zero => Variance::Vanishes,
            Limit::Infinity => Variance::Explodes,
            Limit::Fixed(point) => match point.stability() {
                Stability::Stable => Variance::Stable,
                Stability::Neutral => Variance::Neutral,
                Stability::Unstable => Variance::Unstable,
            },
        };
        Some(Self {
            activation,
            gain,
            chi1: report.chi1,
            variance,
        })
    }
}

/// What will be written into every tensor of a model.
///
/// A plan is plain data: it can be printed, saved as JSON, edited, compared, and replayed to the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format; [`Plan::FORMAT`].
    pub format: u32,
    /// The version of the stream; [`stream::VERSION`].
    pub stream: u32,
    /// The recipe that decided.
    pub recipe: String,
    /// The seed of every key.
    pub seed: u64,
    /// One line per tensor, in the model's order.
    pub tensors: Vec<Line>,
    /// The checkpoints that lines load from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<PlanSource>,
    /// The SHA-256 of the model's own file, where lines keep values of it and the hash was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// A checkpoint of a plan, and what of it is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSource {
    /// Where it lies.
    pub path: String,
    /// The SHA-256 of its file, or of its files' hashes in order, where it was asked for: a replay then checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What its names were stripped of, and got instead.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// What its reader noticed that its tensors do not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// How many tensors it has: each is loaded by a line, or is in [`unused`](Self::unused).
    pub tensors: usize,
    /// Its tensors that no line loads, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<(String, Unused)>,
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// Initializers that do not fit their tensors: all of them, by name.
    #[error("{}", list(.0))]
    Tensors(Vec<(String, InitError)>),
    /// A saved plan that another version wrote.
    #[error("the plan's {what} is version {found}, this Semilla reads {known}; make the plan anew")]
    Version {
        /// The format or the stream.
        what: &'static str,
        /// What the plan says.
        found: u32,
        /// What is known here.
        known: u32,
    },
    /// A line that cannot be carried out.
    #[error("the plan's line for {name:?} cannot be carried out: {error}")]
    Line {
        /// The tensor.
        name: String,
        /// Why.
        error: FillError,
    },
    /// A line that loads from a checkpoint that is not listed.
    #[error("the plan's line for {0:?} loads from a source that the plan does not list")]
    Source(String),
    /// Two lines for one name.
    #[error("the plan has two lines for {0:?}; keep one")]
    Duplicate(String),
}

/// The theory for a line, computed once per activation and gain.
fn signal(
    known: &mut HashMap<(String, u64), Option<Signal>>,
    tensor: &Tensor,
    resolved: &Resolved,
) -> Option<Signal> {
    let activation = tensor.activation.filter(|_| !tensor.is_normalized)?;
    // What the layer computes, whatever rule the initializer's own fans followed.
    let fans = tensor.layout.as_ref()?.fans(&tensor.shape).ok()?;
    let gain = resolved.fill.std()? * fans.fan_in.sqrt();
    let entry = known.entry((activation.to_string(), gain.to_bits()));
    *entry.or_insert_with(|| Signal::new(activation, gain))
}

fn list(errors: &[(String, InitError)]) -> String {
    const SHOWN: usize = 10;
    let mut text: Vec<String> = errors
        .iter()
        .take(SHOWN)
        .map(|(name, error)| format!("{name}: {error}"))
        .collect();
    if errors.len() > SHOWN {
        text.push(format!("and {} more tensors", errors.len() - SHOWN));
    }
    text.join("\n")
}

impl Plan {
    /// The version of the JSON form.
    pub const FORMAT: u32 = 1;

    /// Resolves a decision per tensor into concrete values.
    ///
    /// `decisions` has one entry per tensor of the model, in order; `base_width` is the recipe's.
    ///
    /// # Errors
    /// [`PlanError::Tensors`] with every tensor whose initializer does not fit it.
    ///
    /// # Panics
    /// If there is not one decision per tensor.
    pub fn new(
        model: &Model,
        recipe: &str,
        base_width: Option<usize>,
        decisions: Vec<Decision>,
        seed: u64,
    ) -> Result<Self, PlanError> {
        assert_eq!(
            model.tensors.len(),
            decisions.len(),
            "one decision per tensor"
        );
        let mut lines = Vec::with_capacity(decisions.len());
        let mut errors = Vec::new();
        let mut signals = HashMap::new();
        for (tensor, decision) in model.tensors.iter().zip(decisions) {
            let mut tensor = tensor.clone();
            tensor.layout = decision.layout.or(tensor.layout);
            let context = Context {
                layers: model.layers,
                width: model.width,
                base_width,
                fans: decision.fans,
                seed,
            };
            let given = decision.fate.given();
            if let Some(given) = given.filter(|given| given.is_whole(&tensor.shape)) {
                lines.push(Line::given(tensor, given.clone(), seed));
                continue;
            }
            match decision.initializer.resolve(&tensor, &context) {
                Ok(resolved) => lines.push(Line {
                    signal: signal(&mut signals, &tensor, &resolved),
                    name: tensor.name.clone(),
                    shape: tensor.shape.clone(),
                    dtype: tensor.dtype,
                    role: tensor.role,
                    layout: tensor.layout.clone(),
                    disposition: Disposition::of(&decision.fate, &decision.initializer),
                    std: resolved.fill.std(),
                    fans: resolved.fans,
                    gain: resolved.gain,
                    reason: match &decision.fate {
                        Fate::Given(given) => reason(&decision.reason, given, &tensor.shape),
                        Fate::Excluded { rule } => {
                            format!("{}; left out by {rule}", decision.reason)
                        }
                        Fate::New => decision.reason,
                    },
                    fill: match given.map(|given| &given.fill) {
                        Some(Fill::Load(load)) => Fill::Load(Load {
                            rest: Some(Box::new(resolved.fill)),
                            ..load.clone()
                        }),
                        _ => resolved.fill,
                    },
                    initializer: decision.initializer,
                    key: Key::new(seed, &tensor.name),
                }),
                Err(error) => errors.push((tensor.name.clone(), error)),
            }
        }
        if !errors.is_empty() {
            return Err(PlanError::Tensors(errors));
        }
        let recipe = recipe.to_owned();
        Ok(Self {
            format: Self::FORMAT,
            stream: stream::VERSION,
            recipe,
            seed,
            tensors: lines,
            sources: Vec::new(),
            kept: None,
        })
    }

    /// Checks a plan that was read from a file: its versions, its names, and that every fill fits its tensor.
    ///
    /// # Errors
    /// The first thing that could not be carried out.
    pub fn check(&self) -> Result<(), PlanError> {
        let versions = [
            ("format", self.format, Self::FORMAT),
            ("stream", self.stream, stream::VERSION),
        ];
        for (what, found, known) in versions {
            if found != known {
                return Err(PlanError::Version { what, found, known });
            }
        }
        let mut names = std::collections::HashSet::new();
        for line in &self.tensors {
            if !names.insert(&line.name) {
                return Err(PlanError::Duplicate(line.name.clone()));
            }
            line.fill
                .check(&line.shape, line.dtype)
                .map_err(|error| PlanError::Line {
                    name: line.name.clone(),
                    error,
                })?;
            let listed = |(_, load): &(Slice, &Load)| load.source < self.sources.len();
            if !line.loads().iter().all(listed) {
                return Err(PlanError::Source(line.name.clone()));
            }
        }
        Ok(())
    }

    /// The line whose values a line has: its own, or the one that it is tied to.
    pub fn origin<'a>(&'a self, line: &'a Line) -> &'a Line {
        let Disposition::Tied { to } = &line.disposition else {
            return line;
        };
        let found = self.tensors.iter().find(|line| line.name == *to);
        found.unwrap_or(line)
    }

    /// Whether some tensor keeps the values of the model's file.
    pub fn keeps(&self) -> bool {
        self.tensors.iter().any(|line| line.fill == Fill::Keep)
    }
}
