//! Pretrained weights as an initializer: which tensor of a checkpoint goes where.
//!
//! [`Transfer`] holds the rules for one checkpoint: prefixes, renames, what must load and what may miss. [`align`](Transfer::align)
//! applies them to names and shapes alone and gives every target tensor and every source tensor a fate, before
//! a byte is read. Strict by default: a target without a source is an error unless it may miss, a shape that does not fit
//! is one unless an operation ([`Op`]) makes it fit, two sources for one target are one always.
//!
//! ```
//! use semilla::{DType, Model, model::Convention, transfer::{Fate, Transfer}};
//!
//! let model = |names: &[&str]| {
//!     let tensor = |name: &&str| (name.to_string(), vec![4, 4], DType::F32);
//!     Model::infer(names.iter().map(tensor), Convention::Pytorch)
//! };
//! let target = model(&["bert.query.weight", "bert.key.weight", "head.weight"]);
//! let source = model(&["query.weight", "key.weight"]);
//! let rules = Transfer { may_miss: vec!["head.*".into()], ..Transfer::default() };
//! let alignment = rules.align(&target, &source, true)?;
//! assert_eq!(alignment.added, "bert."); // found, and reported
//! assert_eq!(alignment.fates[0].given().unwrap().note, "");
//! assert_eq!(alignment.fates[2], Fate::New);
//! # Ok::<(), semilla::transfer::TransferError>(())
//! ```

mod adapt;
mod align;
mod depth;
mod given;
mod names;
mod offers;
mod parts;
mod propose;
mod width;

use serde::{Deserialize, Serialize};

pub use crate::fill::{Along, Filter, Load, Resize, Run, Terms};
pub use adapt::{Adapt, Channels, Inflate, InvalidOp, NewRows, Op, Rotary, RowSource, Rows};
pub use align::Alignment;
pub use depth::{Depth, LayerMap, LayerRule, NewLayers};
pub use given::{Fate, Given};
pub use parts::{Fuse, Split};
pub use width::{Fused, Grow, Policy, Repeat, Select, Shares, Structure};

use crate::glob::glob_match;
use crate::suggest::did_you_mean;

/// The rules by which one checkpoint gives its tensors to a model.
///
/// In a recipe, a table `[[pretrained]]`:
///
/// ```toml
/// [[pretrained]]
/// from = "minilm/model.safetensors"      # or --from on the command line
/// add = "bert."                          # prefix of the targets
/// rename = [["\\.gamma$", ".weight"]]    # regular expressions on source names, in order, all that match
/// may_miss = ["classifier.*"]            # all else must load
/// min_coverage = 0.95
/// adapt = [                              # what is done where a tensor does not fit
///   { match = "*.word_embeddings.weight", op = "overlap" },
///   { match = "*.position_embeddings", op = { positions = { prefix = 1, grid = [16, 16] } } },
/// ]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transfer {
    /// The file, where the recipe names it.
    pub from: Option<String>,
    /// The prefix of the source tensors that are meant; others are left. If neither this nor `add` is given, the pair that
    /// matches most is found.
    pub strip: Option<String>,
    /// The prefix that their targets have.
    pub add: Option<String>,
    /// Regular expressions and their replacements, applied in order to the names of the source.
    pub rename: Vec<(String, String)>,
    /// Globs of the target tensors that this checkpoint is for; all if empty.
    pub into: Vec<String>,
    /// Globs of source tensors that are not to be used.
    pub exclude: Vec<String>,
    /// Globs of target tensors that must load; all if empty.
    pub must_load: Vec<String>,
    /// Globs of target tensors that need not.
    pub may_miss: Vec<String>,
    /// The least part of the target's elements that must come from the checkpoint, from 0 to 1.
    pub min_coverage: Option<f64>,
    /// What is done to targets that do not fit as they are; all that match, in order.
    pub adapt: Vec<Adapt>,
    /// Targets that are several tensors of the checkpoint in one.
    pub fuse: Vec<Fuse>,
    /// Tensors of the checkpoint that are several targets in one.
    pub split: Vec<Split>,
    /// Layers that come from others.
    pub depth: Option<Depth>,
}

/// Why a source tensor is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unused {
    /// No target has its name.
    NoTarget,
    /// A rule excludes it.
    Excluded {
        /// The rule.
        glob: String,
    },
    /// It does not begin with the prefix that is taken.
    OtherPrefix {
        /// The prefix.
        prefix: String,
    },
    /// Its shape is another than the target's, which may miss.
    Shape {
        /// The target's shape.
        target: Vec<usize>,
    },
    /// Its target is not among those that this checkpoint is for.
    OutOfScope,
    /// Its target comes from a checkpoint before this one.
    GivenBefore,
    /// The map of layers leaves its layer out.
    OtherLayer,
    /// Its target is tied to another, whose values it takes.
    Tied {
        /// The other target.
        to: String,
    },
}

impl std::fmt::Display for Unused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unused::NoTarget => f.write_str("no target has this name"),
            Unused::Excluded { glob } => write!(f, "excluded by {glob:?}"),
            Unused::OtherPrefix { prefix } => write!(f, "outside of {prefix:?}"),
            Unused::Shape { target } => write!(f, "the target has shape {target:?}"),
            Unused::OutOfScope => f.write_str("the target is not one that this checkpoint is for"),
            Unused::OtherLayer => f.write_str("the map of layers leaves its layer out"),
            Unused::Tied { to } => write!(f, "the target is tied to {to}"),
            Unused::GivenBefore => f.write_str("an earlier checkpoint gives the target"),
        }
    }
}

/// Why a checkpoint cannot be given to a model by these rules.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TransferError {
    /// A regular expression that does not compile.
    #[error("cannot read the rename {pattern:?}: {problem}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A rule that matches nothing.
    #[error("{what} {rule:?} matches no tensor of the {side}{hint}; correct or remove it")]
    Unfired {
        /// Which kind of rule.
        what: &'static str,
        /// The rule.
        rule: String,
        /// Source or target.
        side: &'static str,
        /// What may have been meant.
        hint: String,
    },
    /// Two source tensors for one target.
    #[error(
        "{} and {} both become {target:?}: one would be lost; correct the renames, or exclude one",
        quoted(&.sources.0), quoted(&.sources.1)
    )]
    Collision {
        /// The name that both get.
        target: String,
        /// Their own names.
        sources: (String, String),
    },
    /// Two ways to match prefixes that are equally good.
    #[error(
        "the names match as well with {} as with {}; say which is meant with strip and add",
        .0.describe(), .1.describe()
    )]
    Ambiguous(Prefixes, Prefixes),
    /// No name matches.
    #[error(
        "no tensor of the checkpoint fits one of the model by name and shape: it has {}, the model {}; \
         give strip, add or rename{proposal}",
        few(.checkpoint), few(.model)
    )]
    NoMatch {
        /// The first names of the checkpoint.
        checkpoint: Vec<String>,
        /// The first names of the model.
        model: Vec<String>,
        /// Renames that may be meant.
        proposal: String,
    },
    /// Names match, and yet nothing is taken.
    #[error(
        "tensors of the checkpoint and the model have the same names, but none is taken: all are out of scope (into), do not fit, or \
         have no row in common (rows); correct these rules"
    )]
    NothingTaken,
    /// A coverage that is no part.
    #[error("min_coverage is {0}; it is a part of the model, from 0 to 1, such as 0.95")]
    CoverageAsked(f64),
    /// Targets that must load and do not.
    #[error("{}{proposal}", list(.unmet))]
    Targets {
        /// All of them.
        unmet: Vec<Unmet>,
        /// Renames that may be meant.
        proposal: String,
    },
    /// Layers that cannot be mapped.
    #[error("cannot map the layers {layers:?}: {problem}; correct depth")]
    Depth {
        /// The name before their numbers.
        layers: String,
        /// What is wrong.
        problem: String,
    },
    /// Too little comes from the checkpoint.
    #[error(
        "{:.2} % of the model's elements come from the checkpoint, less than the {:.2} % asked for by min_coverage",
        .found * 100.0, .asked * 100.0
    )]
    Coverage {
        /// The part that comes from it.
        found: f64,
        /// The part that should.
        asked: f64,
    },
}

/// A prefix taken away, and one put before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefixes {
    /// Of the source's names.
    pub strip: String,
    /// Of the target's names.
    pub add: String,
}

impl Prefixes {
    fn describe(&self) -> String {
        format!("strip {:?} and add {:?}", self.strip, self.add)
    }
}

/// A target that must load and does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmet {
    /// No source has its name.
    Missing {
        /// The target.
        target: String,
        /// What may have been meant.
        hint: String,
    },
    /// A rule excludes its source.
    Excluded {
        /// The target.
        target: String,
        /// The rule.
        glob: String,
    },
    /// The source has another shape.
    Shape {
        /// The target.
        target: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The source.
        source: String,
        /// The source's shape, in the target's order of axes.
        found: Vec<usize>,
    },
    /// The axes' order differs between source and target, and is not known for one of them.
    Layout {
        /// The target.
        target: String,
        /// The source.
        source: String,
    },
    /// An operation that cannot be carried out.
    Adapt {
        /// The target.
        target: String,
        /// Why.
        problem: String,
    },
    /// Numbers of another kind.
    Kind {
        /// The target.
        target: String,
        /// Its element type.
        dtype: crate::DType,
        /// The source's.
        found: crate::DType,
    },
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unmet::Missing { target, hint } => write!(f, "{target}: not in the checkpoint{hint}"),
            Unmet::Excluded { target, glob } => {
                write!(
                    f,
                    "{target}: the checkpoint has it, but exclude {glob:?} leaves it out"
                )
            }
            Unmet::Shape {
                target,
                shape,
                source,
                found,
            } => write!(
                f,
                "{target}: has shape {shape:?}, {source} of the checkpoint {found:?}"
            ),
            Unmet::Adapt { target, problem } => write!(f, "{target}: {problem}"),
            Unmet::Layout { target, source } => write!(
                f,
                "{target}: the order of its axes or of those of {source} is not known; state a layout"
            ),
            Unmet::Kind {
                target,
                dtype,
                found,
            } => write!(f, "{target}: is {dtype}, the checkpoint's {found}"),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("{name:?}")
}

const SHOWN: usize = 10;

fn few(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| quoted(name)).collect();
    let more = if names.len() > 3 { "..." } else { "" };
    shown.join(", ") + more
}

fn list(unmet: &[Unmet]) -> String {
    let mut lines: Vec<String> = unmet.iter().take(SHOWN).map(Unmet::to_string).collect();
    if unmet.len() > SHOWN {
        lines.push(format!("and {} more tensors", unmet.len() - SHOWN));
    }
    lines.push(
        "let them miss (may_miss), make them fit (adapt), or rename what is meant".to_owned(),
    );
    lines.join("\n")
}

/// The first of the globs that matches.
fn matching<'a>(globs: &'a [String], name: &str) -> Option<&'a String> {
    globs.iter().find(|glob| glob_match(glob, name))
}

/// The operations for a target, in order.
fn matching_op<'a>(rules: &'a [Adapt], name: &str) -> impl Iterator<Item = &'a Op> {
    rules
        .iter()
        .filter(move |rule| glob_match(&rule.glob, name))
        .map(|rule| &rule.op)
}

/// Every glob must match some name.
fn check_fired<'a>(
    what: &'static str,
    side: &'static str,
    globs: &[String],
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), TransferError> {
    let unfired = globs
        .iter()
        .find(|glob| !names.clone().any(|name| glob_match(glob, name)));
    match unfired {
        None => Ok(()),
        Some(rule) => Err(TransferError::Unfired {
            what,
            rule: rule.clone(),
            side,
            hint: did_you_mean(rule, names),
        }),
    }
}

#[cfg(test)]
mod tests;
