//! One tensor of several, and several of one: fused projections, gates, experts.

use std::collections::HashMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::TransferError;
use super::names::compile;

/// Targets that are several tensors of the checkpoint in one.
///
/// ```toml
/// fuse = [{ target = '(.*)\.qkv\.(weight|bias)', parts = ['$1.q.$2', '$1.k.$2', '$1.v.$2'] },
///         { target = '(.*)\.experts\.gate_up', parts = ['$1.experts.{}.gate.weight', '$1.experts.{}.up.weight'] }]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fuse {
    /// A regular expression for the whole name of a target.
    pub target: String,
    /// The names of its parts (as renames leave them), in order along the output axis. `{}` stands for the index of a leading
    /// axis of experts.
    pub parts: Vec<String>,
    /// The heads among which the parts alternate (GPT-NeoX, BLOOM), if they do not follow each other whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<usize>,
}

/// Tensors of the checkpoint that are several targets in one.
///
/// ```toml
/// split = [{ source = '(.*)\.c_attn\.(weight|bias)', parts = ['$1.q.$2', '$1.k.$2', '$1.v.$2'] }]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// A regular expression for the whole name of the checkpoint's tensor (as renames leave it).
    pub source: String,
    /// The targets that it is made of, in order along the output axis. `{}` stands for the index of a leading axis of experts.
    pub parts: Vec<String>,
    /// The heads among which the parts alternate, if they do not follow each other whole.
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
            (0, _) => "it has no parts",
            (_, Some(0)) => "it alternates among no heads",
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

    /// The names of the parts of a tensor; `None` if the name is not meant.
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

/// A name with its `{}` as a number.
pub(super) fn numbered(name: &str, index: usize) -> String {
    name.replace("{}", &index.to_string())
}

/// A part of a tensor of the checkpoint.
pub(super) struct Cut {
    /// The place of the tensor.
    pub(super) place: usize,
    /// The index along its leading axis of experts.
    pub(super) expert: Option<usize>,
    /// Which part.
    pub(super) part: usize,
    /// The names of all parts, in order.
    pub(super) parts: Vec<String>,
    /// The heads among which they alternate.
    pub(super) interleaved: Option<usize>,
}

/// The targets that are parts of tensors of the checkpoint: `offered` are its names and places, `experts` the size of a tensor's
/// first axis.
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
        for (place, name) in offered {
            let Some(parts) = pattern.parts(name) else {
                continue;
            };
            fired = true;
            let count = if pattern.is_numbered() {
                experts(*place).min(MOST)
            } else {
                1
            };
            for index in 0..count {
                let names: Vec<String> = parts.iter().map(|part| numbered(part, index)).collect();
                for (part, name) in names.iter().enumerate() {
                    let cut = Cut {
                        place: *place,
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
                what: "the split",
                rule: rule.source.clone(),
                side: "checkpoint",
                hint: String::new(),
            });
        }
    }
    Ok(cuts)
}
