//! Weights that a checkpoint or a model stores in parts: who may take a part, and who the weight
//! that the parts make together.
//!
//! A reader lists such a weight beside its parts, under its own name, where it can put it together.
//! A target that is stored in the same parts takes those; every other takes the weight.

use std::collections::HashMap;
use std::fmt;

use crate::encoding::{Encoded, Encoding, Part, encoded, stored_name};
use crate::glob::glob_match;
use crate::model::Model;

/// A tensor that is a part of a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InParts {
    encoding: Encoding,
    part: Part,
    /// The weight's name.
    pub(super) weight: String,
    /// The name of another part.
    beside: Option<String>,
    /// The places of the main part, and of the weight itself where the checkpoint has it too.
    pub(super) main: usize,
    pub(super) whole: Option<usize>,
}

impl InParts {
    fn is_alike(&self, other: &Self) -> bool {
        (self.encoding, self.part) == (other.encoding, other.part)
    }
}

impl fmt::Display for InParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const QUANTIZED: &str =
            "use the checkpoint before its quantization, or dequantize it first";
        let (what, cure) = match (self.encoding, self.part) {
            (Encoding::WeightNorm, part) => (
                match part {
                    Part::Main => "the direction of a weight-normalized weight",
                    _ => "the length of a weight-normalized weight",
                },
                "save the model after torch.nn.utils.remove_weight_norm or \
                 parametrize.remove_parametrizations",
            ),
            (Encoding::SpectralNorm, part) => (
                match part {
                    Part::Main => "a weight before its spectral normalization",
                    _ => "a vector that estimates a weight's spectral norm",
                },
                "save the model after torch.nn.utils.remove_spectral_norm or \
                 parametrize.remove_parametrizations",
            ),
            (Encoding::Pruned, _) => (
                "a weight before its pruning, or the mask",
                "save the model after torch.nn.utils.prune.remove",
            ),
            (Encoding::Parametrized, _) => (
                "what a parametrization makes the weight of",
                "save the model after torch.nn.utils.parametrize.remove_parametrizations",
            ),
            (Encoding::Adapted, _) => (
                "a weight beside an adapter, or a factor of the adapter",
                "save the model after merge_and_unload(), or exclude the adapter's tensors to take \
                 the base alone",
            ),
            (Encoding::Scaled | Encoding::Bitsandbytes8, Part::Main) => {
                ("a quantized weight without its scale", QUANTIZED)
            }
            (_, Part::Main) => ("a weight in packed, quantized blocks", QUANTIZED),
            _ => ("an aid to decode a weight", QUANTIZED),
        };
        write!(f, "is {what}")?;
        if let Some(beside) = &self.beside {
            write!(f, " ({beside} is beside it)")?;
        }
        write!(f, ", not the weight; {cure}")
    }
}

/// The parts of weights among the tensors of a checkpoint and of a model.
pub(super) struct Encodings {
    /// In the checkpoint's order.
    sources: Vec<Option<InParts>>,
    /// By the targets' names.
    targets: HashMap<String, InParts>,
    /// Main parts by the names that their weights would get.
    wholes: HashMap<String, usize>,
}

impl Encodings {
    /// `exclude` are globs of tensors of the checkpoint that are not used.
    pub(super) fn new(target: &Model, source: &Model, exclude: &[String]) -> Self {
        let targets = target.tensors.iter().zip(in_parts(target, &[]));
        Self {
            sources: in_parts(source, exclude),
            targets: targets
                .filter_map(|(tensor, found)| Some((tensor.name.clone(), found?)))
                .collect(),
            wholes: HashMap::new(),
        }
    }

    /// Takes note of the names that the checkpoint's tensors, by their places, get.
    pub(super) fn with_names(mut self, source: &Model, offered: &[(usize, String)]) -> Self {
        let named = offered
            .iter()
            .map(|(place, name)| (name.as_str(), source.tensors[*place].dtype));
        let wholes = encoded(named).into_iter();
        self.wholes = wholes
            .map(|found| (offered[found.main()].0, found.weight))
            .map(|(place, weight)| (weight, place))
            .collect();
        self
    }

    /// The weight that a tensor of the checkpoint is a part of.
    pub(super) fn source(&self, index: usize) -> Option<&InParts> {
        self.sources[index].as_ref()
    }

    /// The weight that a target is a part of.
    pub(super) fn target(&self, name: &str) -> Option<&InParts> {
        self.targets.get(name)
    }

    /// Whether a target stores what this tensor of the checkpoint stores.
    pub(super) fn is_wanted(&self, source: usize, target: &str) -> bool {
        let parts = self.source(source).zip(self.targets.get(target));
        parts.is_some_and(|(source, target)| source.is_alike(target))
    }

    /// The first of these tensors of the checkpoint that a target must not take as it is.
    pub(super) fn barred(&self, target: &str, sources: &[usize]) -> Option<(usize, &InParts)> {
        let each = sources.iter();
        let mut parts = each.filter_map(|&index| Some((index, self.source(index)?)));
        parts.find(|(index, _)| !self.is_wanted(*index, target))
    }

    /// Whether a target holds numbers that mean nothing without what lies beside them, so that no
    /// whole weight can be put there.
    pub(super) fn is_quantized(&self, target: &str) -> bool {
        let target = self.targets.get(target);
        target.is_some_and(|found| {
            !matches!(
                found.encoding,
                Encoding::WeightNorm
                    | Encoding::SpectralNorm
                    | Encoding::Pruned
                    | Encoding::Parametrized
                    | Encoding::Adapted
            )
        })
    }

    /// The tensor of the checkpoint that has a target in parts.
    pub(super) fn of_whole(&self, target: &str) -> Option<(usize, &InParts)> {
        let index = *self.wholes.get(target)?;
        Some((index, self.source(index)?))
    }
}

/// For each tensor of a model the weight that it is a part of. Without its adapter the base alone is
/// what is asked for.
fn in_parts(model: &Model, exclude: &[String]) -> Vec<Option<InParts>> {
    let tensors = &model.tensors;
    let mut found = encoded(tensors.iter().map(|t| (t.name.as_str(), t.dtype)));
    let is_excluded = |(_, place): &(Part, usize)| {
        let mut globs = exclude.iter();
        globs.any(|glob| glob_match(glob, &tensors[*place].name))
    };
    found.retain(|found| {
        found.encoding != Encoding::Adapted || !found.parts[1..].iter().all(is_excluded)
    });
    let mut all = vec![None; tensors.len()];
    if found.is_empty() {
        return all;
    }
    let places: HashMap<&str, usize> = (0..).zip(tensors).map(|(i, t)| (&*t.name, i)).collect();
    for Encoded {
        weight,
        encoding,
        parts,
    } in found
    {
        let main = parts[0].1;
        let whole = places.get(weight.as_str()).copied();
        let whole = whole.filter(|whole| *whole != main);
        let first_other = parts.get(1).map(|(_, place)| *place);
        for &(part, place) in &parts {
            let beside = if place == main {
                first_other
            } else {
                Some(main)
            };
            all[place] = Some(InParts {
                encoding,
                part,
                weight: weight.clone(),
                beside: beside.map(|place| stored_name(&tensors[place].name).to_owned()),
                main,
                whole,
            });
        }
    }
    all
}

impl InParts {
    /// Whether the part is the length of a weight-normalized weight, or its direction.
    pub(super) fn of_weight_norm(&self) -> Option<Normalized> {
        (self.encoding == Encoding::WeightNorm).then_some(match self.part {
            Part::Main => Normalized::Direction,
            _ => Normalized::Length,
        })
    }
}

/// A part of a weight-normalized weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Normalized {
    Direction,
    Length,
}
