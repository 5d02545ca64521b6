//! A different number of layers: which layer of the checkpoint each of the model's comes from.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::adapt::Policy;
use super::error::TransferError;

/// Layers of the model that come from layers of the checkpoint with other numbers.
///
/// ```toml
/// depth = { layers = "encoder.layer", map = "uniform" }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depth {
    /// The name before the layers' numbers, such as `encoder.layer`.
    pub layers: String,
    /// Which layer each comes from.
    #[serde(default)]
    pub map: LayerMap,
    /// How a layer is filled if a lower layer has the same source.
    #[serde(default)]
    pub new: NewLayers,
}

/// The checkpoint's layer for each layer of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LayerMap {
    /// By a rule.
    Rule(LayerRule),
    /// A list: the source of layer 0, of layer 1, and so on.
    List(Vec<usize>),
    /// [`Uniform`](LayerRule::Uniform) for fewer layers, [`Stack`](LayerRule::Stack) for more.
    #[default]
    Default,
}

// Derived as an untagged enum, errors would not say which rules there are.
impl<'de> Deserialize<'de> for LayerMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleOrList;
        impl<'de> Visitor<'de> for RuleOrList {
            type Value = LayerMap;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule's name, or the source of each layer in a list")
            }
            fn visit_unit<E: Error>(self) -> Result<LayerMap, E> {
                Ok(LayerMap::Default)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<LayerMap, E> {
                LayerRule::deserialize(text.into_deserializer()).map(LayerMap::Rule)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<LayerMap, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(LayerMap::List)
            }
        }
        deserializer.deserialize_any(RuleOrList)
    }
}

/// A rule for which layers a model of a different depth has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerRule {
    /// The first ones.
    First,
    /// Evenly spread ones.
    Uniform,
    /// All, then all again (StackBERT; Gong et al. 2019).
    Stack,
    /// Each several times in a row.
    Interlace,
}

/// How a layer is filled if a lower layer has the same source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewLayers {
    /// A copy.
    #[default]
    Copy,
    /// A copy whose residual branches end in zero: the function stays, unless the residual stream
    /// is normalized after the sum.
    Zero,
    /// An identity, for networks without branches (Net2DeeperNet; Chen et al. 2016, section 3.2):
    /// exact before ReLU.
    Identity,
}

/// More layers than any model has: a number in a name is not taken for a size to allocate.
const MOST_LAYERS: usize = 1 << 16;

/// The checkpoint's layer for each layer of the model, decided.
pub(super) struct Layers<'a> {
    rule: &'a Depth,
    sources: Vec<usize>,
}

/// Where a layer's tensor comes from.
pub(super) struct Wanted {
    /// Its name in the checkpoint, after renaming.
    pub(super) name: String,
    /// Whether a lower layer has the same source.
    pub(super) is_new: bool,
}

impl Depth {
    /// Counts the layers of both sides and decides where each comes from.
    ///
    /// # Errors
    /// One side has no such layers, or the map does not fit their numbers.
    pub(super) fn resolve<'a, 'n>(
        &'a self,
        targets: impl Iterator<Item = &'n str>,
        sources: impl Iterator<Item = &'n str>,
    ) -> Result<Layers<'a>, TransferError> {
        let count = |names: &mut dyn Iterator<Item = &'n str>| {
            let layers = names
                .filter_map(|name| self.split(name))
                .map(|(_, layer, _)| layer);
            layers.max().map_or(0, |last: usize| last.saturating_add(1))
        };
        let (mut targets, mut sources) = (targets, sources);
        let (to, from) = (count(&mut targets), count(&mut sources));
        let problem = |problem: String| TransferError::Depth {
            layers: self.layers.clone(),
            problem,
        };
        if to == 0 || from == 0 {
            let side = if to == 0 {
                "model"
            } else {
                "checkpoint (after renaming)"
            };
            return Err(problem(format!("the {side} has no such layers")));
        }
        if to.max(from) > MOST_LAYERS {
            return Err(problem(format!(
                "the names count {} layers, more than the limit of {MOST_LAYERS}",
                to.max(from)
            )));
        }
        let sources = self.map.sources(from, to);
        if sources.len() != to || sources.iter().any(|&layer| layer >= from) {
            return Err(problem(format!(
                "the map {sources:?} must list {to} layers, each below {from}"
            )));
        }
        Ok(Layers {
            rule: self,
            sources,
        })
    }

    /// Splits a name into the text before its layer's number, the number, and the text after.
    fn split<'n>(&self, name: &'n str) -> Option<(&'n str, usize, &'n str)> {
        let found = name.match_indices(&self.layers).find_map(|(at, _)| {
            let is_start = at == 0 || name[..at].ends_with('.');
            let rest = name[at + self.layers.len()..].strip_prefix('.')?;
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let is_end = after.is_empty() || after.starts_with('.');
            let layer = number.parse().ok().filter(|_| is_start && is_end)?;
            Some((name.len() - rest.len(), layer, after))
        });
        found.map(|(before, layer, after)| (&name[..before], layer, after))
    }
}

impl LayerMap {
    fn sources(&self, from: usize, to: usize) -> Vec<usize> {
        let rule = match self {
            LayerMap::List(list) => return list.clone(),
            LayerMap::Rule(rule) => *rule,
            LayerMap::Default if to <= from => LayerRule::Uniform,
            LayerMap::Default => LayerRule::Stack,
        };
        match rule {
            LayerRule::First => (0..to).collect(),
            LayerRule::Uniform => Policy::Uniform.choose(from, to),
            LayerRule::Stack => (0..to).map(|layer| layer % from).collect(),
            LayerRule::Interlace => (0..to).map(|layer| layer * from / to).collect(),
        }
    }
}

impl Layers<'_> {
    /// Where a tensor comes from; `None` outside of the layers.
    pub(super) fn wanted(&self, name: &str) -> Option<Wanted> {
        let (before, layer, after) = self.rule.split(name)?;
        let source = *self.sources.get(layer)?;
        Some(Wanted {
            name: format!("{before}{source}{after}"),
            is_new: self.sources[..layer].contains(&source),
        })
    }

    /// Whether no layer of the model comes from this tensor's.
    pub(super) fn is_left(&self, name: &str) -> bool {
        let layer = self.rule.split(name).map(|(_, layer, _)| layer);
        layer.is_some_and(|layer| !self.sources.contains(&layer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::fixtures::owned;
    use crate::transfer::{Transfer, Unused};

    #[test]
    fn layers_come_from_others() {
        let layer = |n: usize| format!("encoder.layer.{n}.mlp.fc2.weight");
        let list = |count: usize| {
            let names: Vec<(String, Vec<usize>)> =
                (0..count).map(|n| (layer(n), vec![2, 2])).collect();
            owned(&names)
        };
        let sources = |from: usize, to: usize, depth: Depth| -> Vec<String> {
            let rules = Transfer {
                depth: Some(depth),
                ..Transfer::default()
            };
            let alignment = rules.align(&list(to), &list(from), true).unwrap();
            let unused = alignment.unused.iter();
            assert!(
                unused.clone().all(|(_, why)| *why == Unused::OtherLayer),
                "{unused:?}"
            );
            alignment
                .fates
                .iter()
                .map(|fate| match fate.given().unwrap().tensors(&[2, 2]).pop() {
                    Some(name) => name.chars().filter(char::is_ascii_digit).take(1).collect(),
                    None => "zero".to_owned(),
                })
                .collect()
        };
        let depth = |map: LayerMap, new: NewLayers| Depth {
            layers: "encoder.layer".into(),
            map,
            new,
        };
        let rule = |rule: LayerRule| depth(LayerMap::Rule(rule), NewLayers::Copy);
        assert_eq!(sources(6, 3, rule(LayerRule::Uniform)), ["0", "2", "4"]);
        assert_eq!(sources(6, 3, rule(LayerRule::First)), ["0", "1", "2"]);
        assert_eq!(sources(2, 4, rule(LayerRule::Stack)), ["0", "1", "0", "1"]);
        assert_eq!(
            sources(2, 4, rule(LayerRule::Interlace)),
            ["0", "0", "1", "1"]
        );
        assert_eq!(
            sources(3, 2, depth(LayerMap::List(vec![2, 0]), NewLayers::Copy)),
            ["2", "0"]
        );
        assert_eq!(
            sources(
                2,
                4,
                depth(LayerMap::Rule(LayerRule::Interlace), NewLayers::Zero)
            ),
            ["0", "zero", "1", "zero"]
        );
        let rules = Transfer {
            depth: Some(depth(LayerMap::List(vec![9]), NewLayers::Copy)),
            ..Transfer::default()
        };
        let error = rules.align(&list(1), &list(2), true).unwrap_err();
        assert!(matches!(error, TransferError::Depth { .. }), "{error}");
        let huge = owned(&[(layer(usize::MAX), vec![2, 2])]);
        let error = rules.align(&huge, &list(2), true).unwrap_err();
        assert!(error.to_string().contains("limit of 65536"), "{error}");
    }
}
