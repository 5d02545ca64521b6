//! The rules for one checkpoint.

use serde::{Deserialize, Serialize};

use super::adapt::{Adapt, Op};
use super::depth::Depth;
use super::parts::{Fuse, Split};
use crate::glob::glob_match;
use crate::model::Model;

/// The rules by which a checkpoint gives its tensors to a model.
///
/// In a recipe, a table `[[pretrained]]`:
///
/// ```toml
/// [[pretrained]]
/// from = "minilm/model.safetensors"      # or --from on the command line
/// add = "bert."                          # prefix of the targets
/// rename = [["\\.gamma$", ".weight"]]    # regular expressions on source names, applied in order
/// may_miss = ["classifier.*"]            # all others must load
/// min_coverage = 0.95
/// adapt = [                              # operations for tensors that do not fit
///   { match = "*.word_embeddings.weight", op = "overlap" },
///   { match = "*.position_embeddings", op = { positions = { prefix = 1, grid = [16, 16] } } },
/// ]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transfer {
    /// The checkpoint's path, where the recipe names it.
    pub from: Option<String>,
    /// The prefix of the source tensors to use, which is taken off their names. If neither this nor
    /// `add` is given, the pair that matches most is found.
    pub strip: Option<String>,
    /// The prefix to put before the names instead.
    pub add: Option<String>,
    /// Regular expressions and their replacements, applied in order to the names of the source.
    pub rename: Vec<(String, String)>,
    /// Globs of the target tensors that this checkpoint is for; all if empty.
    pub into: Vec<String>,
    /// Globs of source tensors that are not to be used.
    pub exclude: Vec<String>,
    /// Globs of target tensors that must load; all if empty.
    pub must_load: Vec<String>,
    /// Globs of target tensors that need not load.
    pub may_miss: Vec<String>,
    /// The least share of the model's elements that must come from the checkpoint, from 0 to 1.
    pub min_coverage: Option<f64>,
    /// Operations for targets that do not fit as they are. All that match are applied, in order.
    pub adapt: Vec<Adapt>,
    /// Targets that consist of several tensors of the checkpoint.
    pub fuse: Vec<Fuse>,
    /// Tensors of the checkpoint that consist of several targets.
    pub split: Vec<Split>,
    /// Layers that come from layers of other numbers.
    pub depth: Option<Depth>,
}

impl Transfer {
    /// Drops the globs of `exclude` that only match tensors of the checkpoint that cannot be read:
    /// those are left out in any case.
    pub fn skip_unreadable(&mut self, readable: &Model, unreadable: &[String]) {
        self.exclude.retain(|glob| {
            let mut tensors = readable.tensors.iter();
            tensors.any(|tensor| glob_match(glob, &tensor.name))
                || !unreadable.iter().any(|name| glob_match(glob, name))
        });
    }

    /// Whether the checkpoint is for this target.
    pub(super) fn is_for(&self, target: &str) -> bool {
        self.into.is_empty() || matching(&self.into, target).is_some()
    }

    /// Whether it is an error if this target does not load.
    pub(super) fn is_required(&self, target: &str) -> bool {
        let is_asked = self.must_load.is_empty() || matching(&self.must_load, target).is_some();
        is_asked && matching(&self.may_miss, target).is_none()
    }

    /// The operations for a target, in order.
    pub(super) fn ops<'a>(&'a self, target: &str) -> impl Iterator<Item = &'a Op> {
        self.adapt
            .iter()
            .filter(move |rule| glob_match(&rule.glob, target))
            .map(|rule| &rule.op)
    }
}

/// The first of the globs that matches.
pub(super) fn matching<'a>(globs: &'a [String], name: &str) -> Option<&'a String> {
    globs.iter().find(|glob| glob_match(glob, name))
}
