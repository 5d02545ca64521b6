//! Why a checkpoint cannot be given to a model.

use super::prefixes::Prefixes;
use super::unmet::{Unmet, list};

/// Why a checkpoint cannot be given to a model by these rules.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TransferError {
    /// A rule with a regular expression is not valid.
    #[error("cannot read the rule {pattern:?}: {problem}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// The problem with it.
        problem: String,
    },
    /// A rule matches nothing.
    #[error("{what} {rule:?} matches no tensor of the {side}{hint}; correct or remove it")]
    Unfired {
        /// The kind of rule.
        what: &'static str,
        /// The rule.
        rule: String,
        /// The list that was searched: the model or the checkpoint.
        side: &'static str,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// Two source tensors get the same name.
    #[error(
        "{:?} and {:?} both become {target:?}, so one would be lost; correct the renames \
         (rename, --rename) or exclude one (exclude, --exclude)",
        .sources.0, .sources.1
    )]
    Collision {
        /// The name that both get.
        target: String,
        /// Their own names.
        sources: (String, String),
    },
    /// Two choices of prefixes match equally well.
    #[error(
        "two choices of prefixes match equally well: {0} or {1}; pick one with strip and add \
         (--strip, --add)"
    )]
    Ambiguous(Prefixes, Prefixes),
    /// No name matches.
    #[error(
        "no tensor of the checkpoint matches one of the model by name and shape: the checkpoint \
         has {}, the model has {}; give strip, add or rename (--strip, --add, --rename){proposal}",
        few(.checkpoint), few(.model)
    )]
    NoMatch {
        /// The first names of the checkpoint.
        checkpoint: Vec<String>,
        /// The first names of the model.
        model: Vec<String>,
        /// Renames that may help, or nothing.
        proposal: String,
    },
    /// Names match, but nothing is taken.
    #[error(
        "the checkpoint and the model share names, but none is taken: every one is out of scope \
         (into), does not fit, or has no row in common (rows); correct these rules"
    )]
    NothingTaken,
    /// `min_coverage` is not between 0 and 1.
    #[error(
        "min_coverage (--min-coverage) is {0}; give the share of the model that must load, from \
         0 to 1, such as 0.95"
    )]
    CoverageAsked(f64),
    /// Targets that must load do not.
    #[error("{}{proposal}", list(.unmet))]
    Targets {
        /// All of them.
        unmet: Vec<Unmet>,
        /// Renames that may help, or nothing.
        proposal: String,
    },
    /// The layers cannot be mapped.
    #[error("cannot map the layers {layers:?}: {problem}; correct depth (--depth)")]
    Depth {
        /// The name before their numbers.
        layers: String,
        /// The problem.
        problem: String,
    },
    /// Too little comes from the checkpoint.
    #[error(
        "{:.2} % of the model's elements come from the checkpoint, less than the {:.2} % that \
         min_coverage (--min-coverage) asks for; lower it, or correct the rules that leave tensors \
         out",
        .found * 100.0, .asked * 100.0
    )]
    Coverage {
        /// The share that comes from it.
        found: f64,
        /// The share that should.
        asked: f64,
    },
}

fn few(names: &[String]) -> String {
    if names.is_empty() {
        return "no tensors".to_owned();
    }
    let shown: Vec<String> = names
        .iter()
        .take(3)
        .map(|name| format!("{name:?}"))
        .collect();
    let more = if names.len() > 3 { "..." } else { "" };
    shown.join(", ") + more
}
