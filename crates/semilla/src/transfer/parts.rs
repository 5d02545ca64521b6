//! Tensors made of several, and several made of one: fused projections, gates, experts.

use std::collections::HashMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::error::TransferError;
use super::rename::compile;

/// Targets that consist of several tensors of the checkpoint.
///
/// ```toml
/// fuse = [{ target = '(.*)\.qkv\.(weight|bias)', parts = ['$1.q.$2', '$1.k.$2', '$1.v.$2'] },
///         { target = '(.*)\.experts\.gate_up',
///           parts = ['$1.experts.{}.gate.weight', '$1.experts.{}.up.weight'] }]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fuse {
    /// A regular expression that matches the whole name of a target.
    pub target: String,
    /// The names of its parts (after renaming), in order along the output axis. `{}` stands for the
    /// index of a leading axis of experts.
    pub parts: Vec<String>,
    /// The number of heads among which the parts alternate (GPT-NeoX, BLOOM), if they do not follow
    /// each other whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<usize>,
}

/// Tensors of the checkpoint that consist of several targets.
///
/// ```toml
/// split = [{ source = '(.*)\.c_attn\.(weight|bias)', parts = ['$1.q.$2', '$1.k.$2', '$1.v.$2'] }]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// A regular expression that matches the whole name of the checkpoint's tensor (after
    /// renaming).
    pub source: String,
    /// The targets that it consists of, in order along the output axis. `{}` stands for the index
    /// of a leading axis of experts.
    pub parts: Vec<String>,
    /// The number of heads among which the parts alternate, if they do not follow each other whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<usize>,
}

/// A rule with its expression compiled.
pub(super) struct Pattern {
    regex: Regex,
    parts: Vec<String>,
    pub(super) interleaved: Option<usize>,
}

impl Pattern {
    pub(super) fn new(
        pattern: &str,
        parts: &[String],
        interleaved: Option<usize>,
    ) -> Result<Self, TransferError> {
        let problem = match (parts.len(), interleaved) {
            (0, _) => "parts is empty; list the parts' names",
            (_, Some(0)) => "interleaved is 0; give the number of heads",
            _ => "",
        };
        if !problem.is_empty() {
            return Err(TransferError::Pattern {
                pattern: pattern.to_owned(),
                problem: problem.to_owned(),
            });
        }
        Ok(Self {
            regex: compile(&format!("^(?:{pattern})$"))?,
            parts: parts.to_vec(),
            interleaved,
        })
    }

    /// The names of a tensor's parts; `None` if the pattern does not match its name.
    pub(super) fn parts(&self, name: &str) -> Option<Vec<String>> {
        let captures = self.regex.captures(name)?;
        let expand = |part: &String| {
            let mut text = String::new();
            captures.expand(part, &mut text);
            text
        };
        Some(self.parts.iter().map(expand).collect())
    }

    /// Whether the parts are numbered along a leading axis.
    pub(super) fn is_numbered(&self) -> bool {
        self.parts.iter().any(|part| part.contains("{}"))
    }
}

/// A name with a number for `{}`.
pub(super) fn numbered(name: &str, index: usize) -> String {
    name.replace("{}", &index.to_string())
}

/// One target's part of a tensor of the checkpoint.
pub(super) struct Cut {
    /// The tensor's index in the checkpoint.
    pub(super) source: usize,
    /// The index along its leading axis of experts.
    pub(super) expert: Option<usize>,
    /// The part's number, from 0.
    pub(super) part: usize,
    /// The names of all parts, in order.
    pub(super) parts: Vec<String>,
    /// The number of heads among which they alternate.
    pub(super) interleaved: Option<usize>,
}

/// The targets that are parts of the checkpoint's tensors, by name. `offered` are the tensors'
/// indices and names, `experts` gives the size of a tensor's first axis.
///
/// # Errors
/// A rule is not valid, or matches nothing.
pub(super) fn cuts(
    rules: &[Split],
    offered: &[(usize, String)],
    experts: impl Fn(usize) -> usize,
) -> Result<HashMap<String, Cut>, TransferError> {
    /// More experts than any model has.
    const MOST: usize = 1 << 16;
    let mut cuts = HashMap::new();
    for rule in rules {
        let pattern = Pattern::new(&rule.source, &rule.parts, rule.interleaved)?;
        let mut fired = false;
        for (source, name) in offered {
            let Some(parts) = pattern.parts(name) else {
                continue;
            };
            fired = true;
            let count = if pattern.is_numbered() {
                experts(*source).min(MOST)
            } else {
                1
            };
            for index in 0..count {
                let names: Vec<String> = parts.iter().map(|part| numbered(part, index)).collect();
                for (part, name) in names.iter().enumerate() {
                    let cut = Cut {
                        source: *source,
                        expert: pattern.is_numbered().then_some(index),
                        part,
                        parts: names.clone(),
                        interleaved: pattern.interleaved,
                    };
                    cuts.insert(name.clone(), cut);
                }
            }
        }
        if !fired {
            return Err(TransferError::Unfired {
                what: "split",
                rule: rule.source.clone(),
                side: "checkpoint",
                hint: String::new(),
            });
        }
    }
    Ok(cuts)
}
