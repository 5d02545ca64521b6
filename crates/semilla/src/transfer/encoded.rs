//! Tensors that are a part of a weight or an encoding of it, recognized by the company they keep.
//!
//! A weight-normalized layer is stored as a direction and a length, a quantized one as small
//! numbers and their scales. Each of these has a shape or a name like the weight's, and none is the
//! weight. One name says little (`weight_v` may be anything), so each is recognized by its
//! companions, and quantized numbers by their type.

use std::collections::HashMap;
use std::fmt;

use crate::dtype::DType;
use crate::model::Model;

/// A tensor that is not the weight that it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    /// The weight's name.
    whole: String,
    part: Part,
    /// The tensors without which it means nothing.
    beside: Vec<String>,
}

/// The part that a tensor plays in the encoding of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Direction,
    Length,
    Parametrized,
    Unnormalized,
    /// A vector by which a spectral norm is estimated.
    Iterate,
    Unpruned,
    Quantized,
    Packed,
    Aid,
}

impl Encoded {
    /// Whether a target that is encoded as `target` stores the same thing.
    fn is_alike(&self, target: Option<&Self>) -> bool {
        target.is_some_and(|target| target.part == self.part)
    }
}

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self.part {
            Part::Direction => ("the direction of a weight-normalized weight", NORMALIZED),
            Part::Length => ("the length of a weight-normalized weight", NORMALIZED),
            Part::Parametrized => (
                "what a parametrization makes the weight of",
                "save the model after torch.nn.utils.parametrize.remove_parametrizations",
            ),
            Part::Unnormalized => (
                "a weight before its spectral normalization",
                "save the model after torch.nn.utils.remove_spectral_norm",
            ),
            Part::Iterate => (
                "a vector that estimates a weight's spectral norm",
                "save the model after torch.nn.utils.remove_spectral_norm",
            ),
            Part::Unpruned => (
                "a weight before its pruning",
                "save the model after torch.nn.utils.prune.remove",
            ),
            Part::Quantized => ("a quantized weight without its scale", QUANTIZED),
            Part::Packed => ("a weight in packed, quantized blocks", QUANTIZED),
            Part::Aid => ("an aid to decode a weight", QUANTIZED),
        };
        write!(f, "is {what}")?;
        if let Some(first) = self.beside.first() {
            write!(f, " ({first} is beside it)")?;
        }
        write!(f, ", not the weight; {cure}")
    }
}

const NORMALIZED: &str = "save the model after torch.nn.utils.remove_weight_norm or \
                          parametrize.remove_parametrizations";
const QUANTIZED: &str = "use the checkpoint before its quantization, or dequantize it first";

/// The encoded tensors of a checkpoint and of a model.
pub(super) struct Encodings {
    /// In the checkpoint's order.
    sources: Vec<Option<Encoded>>,
    /// By the targets' names.
    targets: HashMap<String, Encoded>,
    /// The checkpoint's tensors by the names that their weights would get.
    wholes: HashMap<String, usize>,
}

impl Encodings {
    /// `offered` are the indices of the checkpoint's tensors and the names that they get.
    pub(super) fn new(target: &Model, source: &Model, offered: &[(usize, String)]) -> Self {
        let of = |model: &Model| encoded(model.tensors.iter().map(|t| (t.name.as_str(), t.dtype)));
        let targets = target.tensors.iter().zip(of(target));
        let renamed = offered
            .iter()
            .map(|(index, name)| (name.as_str(), source.tensors[*index].dtype));
        let mut wholes = HashMap::new();
        for ((index, _), found) in offered.iter().zip(encoded(renamed)) {
            match found {
                Some(found) if found.part.is_main() => {
                    wholes.insert(found.whole, *index);
                }
                Some(found) => {
                    wholes.entry(found.whole).or_insert(*index);
                }
                None => {}
            }
        }
        Self {
            sources: of(source),
            targets: targets
                .filter_map(|(tensor, found)| Some((tensor.name.clone(), found?)))
                .collect(),
            wholes,
        }
    }

    /// The encoding that a tensor of the checkpoint belongs to, if it is not a weight.
    pub(super) fn source(&self, index: usize) -> Option<&Encoded> {
        self.sources[index].as_ref()
    }

    /// The first of these tensors of the checkpoint that a target must not take as it is.
    pub(super) fn barred(&self, target: &str, sources: &[usize]) -> Option<(usize, &Encoded)> {
        let of_target = self.targets.get(target);
        let each = sources.iter();
        let mut encoded = each.filter_map(|&index| Some((index, self.source(index)?)));
        encoded.find(|(_, source)| !source.is_alike(of_target))
    }

    /// The tensor of the checkpoint that has a target in an encoded form.
    pub(super) fn of_whole(&self, target: &str) -> Option<(usize, &Encoded)> {
        let index = *self.wholes.get(target)?;
        Some((index, self.source(index)?))
    }
}

impl Part {
    /// Whether it has the shape of its weight, and not that of something beside it.
    fn is_main(self) -> bool {
        !matches!(self, Part::Length | Part::Iterate | Part::Aid)
    }
}

/// The encoding that each of these tensors belongs to, for those that are not weights.
fn encoded<'a>(tensors: impl Iterator<Item = (&'a str, DType)>) -> Vec<Option<Encoded>> {
    let tensors: Vec<(&str, DType)> = tensors.collect();
    let company = Company {
        types: tensors.iter().copied().collect(),
    };
    let each = tensors.iter();
    each.map(|&(name, dtype)| company.encoded(name, dtype))
        .collect()
}

/// The types of all tensors of a checkpoint, by their names.
struct Company<'a> {
    types: HashMap<&'a str, DType>,
}

/// How bitsandbytes ends the names of what decodes a weight.
const BITSANDBYTES: [&str; 7] = [
    ".absmax",
    ".quant_map",
    ".nested_absmax",
    ".nested_quant_map",
    ".SCB",
    ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4",
];

/// How GPTQ, AWQ and compressed-tensors end the names of a module's packed weight.
const PACKED: [&str; 2] = ["qweight", "weight_packed"];

/// The ends of names of the tensors beside those.
const UNPACKING: [&str; 7] = [
    "qzeros",
    "scales",
    "g_idx",
    "weight_scale",
    "weight_shape",
    "weight_zero_point",
    "weight_g_idx",
];

/// How scales' names end, after that of a quantized weight.
const SCALES: [&str; 7] = [
    "_scale",
    "_scale_inv",
    "_scale_2",
    "_scale_inverse",
    "_scales",
    "_zero_point",
    ".scale",
];

/// The names of a module's scales that do not begin with its weight's.
const MODULE_SCALES: [&str; 4] = ["scale_weight", "scale_input", "input_scale", "SCB"];

impl Company<'_> {
    fn encoded(&self, name: &str, dtype: DType) -> Option<Encoded> {
        parametrized(name)
            .map(|whole| self.part_of_parametrized(name, whole))
            .or_else(|| self.normalized(name))
            .or_else(|| self.blocks(name))
            .or_else(|| self.packed(name))
            .or_else(|| self.quantized(name, dtype))
            .or_else(|| self.scale(name))
    }

    fn present(&self, names: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut present: Vec<String> = names.into_iter().collect();
        present.retain(|name| self.types.contains_key(name.as_str()));
        present
    }

    /// `fc.parametrizations.weight.original0`: the parts of `fc.weight`.
    fn part_of_parametrized(&self, name: &str, whole: String) -> Encoded {
        let other = |from: &str, to: &str| {
            let stem = name.strip_suffix(from)?;
            self.present([format!("{stem}{to}")]).pop()
        };
        let (part, beside) = match (
            other("original0", "original1"),
            other("original1", "original0"),
        ) {
            (Some(direction), _) => (Part::Length, vec![direction]),
            (_, Some(length)) => (Part::Direction, vec![length]),
            _ if split(name).1.starts_with('_') => (Part::Iterate, Vec::new()),
            _ => (Part::Parametrized, Vec::new()),
        };
        Encoded {
            whole,
            part,
            beside,
        }
    }

    /// The older `weight_g` and `weight_v`, `weight_orig` with `weight_u` or with `weight_mask`.
    fn normalized(&self, name: &str) -> Option<Encoded> {
        // RWKV has a `time_mix_g` and a `time_mix_v`, which are what they are called.
        let is_parameter = |whole: &str| {
            let leaf = split(whole).1;
            ["weight", "bias", "kernel"]
                .iter()
                .any(|kind| leaf.contains(kind))
        };
        let of = |ending: &str, others: &[&str], part| {
            let whole = name
                .strip_suffix(ending)
                .filter(|whole| is_parameter(whole))?;
            let beside = self.present(others.iter().map(|other| format!("{whole}{other}")));
            (!beside.is_empty()).then(|| Encoded {
                whole: whole.to_owned(),
                part,
                beside,
            })
        };
        of("_v", &["_g"], Part::Direction)
            .or_else(|| of("_g", &["_v"], Part::Length))
            .or_else(|| of("_orig", &["_u"], Part::Unnormalized))
            .or_else(|| of("_orig", &["_mask"], Part::Unpruned))
            .or_else(|| of("_u", &["_orig"], Part::Iterate))
            .or_else(|| of("_v", &["_orig"], Part::Iterate))
    }

    /// MXFP4: `gate_up_proj_blocks` with `gate_up_proj_scales`.
    fn blocks(&self, name: &str) -> Option<Encoded> {
        let of = |ending: &str, other: &str, part| {
            let whole = name.strip_suffix(ending)?;
            let beside = self.present([format!("{whole}{other}")]);
            (!beside.is_empty()).then(|| Encoded {
                whole: whole.to_owned(),
                part,
                beside,
            })
        };
        of("_blocks", "_scales", Part::Packed).or_else(|| of("_scales", "_blocks", Part::Aid))
    }

    /// GPTQ, AWQ: `qweight` with `scales`, `qzeros` and `g_idx`; compressed-tensors:
    /// `weight_packed` with `weight_scale`.
    fn packed(&self, name: &str) -> Option<Encoded> {
        let (module, leaf) = split(name);
        let (part, others): (Part, &[&str]) = match leaf {
            _ if PACKED.contains(&leaf) => (Part::Packed, &UNPACKING),
            _ if UNPACKING.contains(&leaf) => (Part::Aid, &PACKED),
            _ => return None,
        };
        let beside = self.present(others.iter().map(|other| format!("{module}{other}")));
        (!beside.is_empty()).then(|| Encoded {
            whole: format!("{module}weight"),
            part,
            beside,
        })
    }

    /// A weight in 8 bits with a scale of its own or of its module, or in those of bitsandbytes.
    fn quantized(&self, name: &str, dtype: DType) -> Option<Encoded> {
        if dtype.size() > 1 || dtype == DType::Bool {
            return None;
        }
        let (module, leaf) = split(name);
        let own = SCALES.iter().chain(&BITSANDBYTES);
        let own = own.map(|ending| format!("{name}{ending}"));
        let of_module = MODULE_SCALES.iter().filter(|_| leaf == "weight");
        let of_module = of_module.map(|leaf| format!("{module}{leaf}"));
        let beside = self.present(own.chain(of_module));
        (!beside.is_empty()).then(|| Encoded {
            whole: name.to_owned(),
            part: Part::Quantized,
            beside,
        })
    }

    /// The scale of a quantized weight, or a table that decodes one.
    fn scale(&self, name: &str) -> Option<Encoded> {
        let (module, leaf) = split(name);
        let of_module = MODULE_SCALES.contains(&leaf);
        let of_module = of_module.then(|| format!("{module}weight"));
        let endings = SCALES.iter().chain(&BITSANDBYTES);
        let own = endings.filter_map(|ending| name.strip_suffix(ending).map(str::to_owned));
        let mut weights = own.chain(of_module);
        weights.find_map(|weight| {
            let dtype = *self.types.get(weight.as_str())?;
            self.quantized(&weight, dtype).map(|_| Encoded {
                whole: weight.clone(),
                part: Part::Aid,
                beside: vec![weight],
            })
        })
    }
}

/// The weight that a parametrization makes, from the name of one of its parts.
fn parametrized(name: &str) -> Option<String> {
    let (module, rest) = match name.strip_prefix("parametrizations.") {
        Some(rest) => ("", rest),
        None => {
            let (module, rest) = name.split_once(".parametrizations.")?;
            (module, rest)
        }
    };
    let (weight, _) = rest.split_once('.')?;
    let dot = if module.is_empty() { "" } else { "." };
    Some(format!("{module}{dot}{weight}"))
}

/// A name as its module's, with the dot, and its last part.
fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind(['.', '/']).map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(tensors: &[(&str, DType)]) -> Vec<Option<(String, Part)>> {
        let found = encoded(tensors.iter().copied()).into_iter();
        found
            .map(|found| found.map(|found| (found.whole, found.part)))
            .collect()
    }

    fn is(whole: &str, part: Part) -> Option<(String, Part)> {
        Some((whole.to_owned(), part))
    }

    #[test]
    fn normalized_weights() {
        use DType::F32;
        let of = |names: &[&str]| {
            let tensors: Vec<_> = names.iter().map(|name| (*name, F32)).collect();
            parts(&tensors)
        };
        assert_eq!(
            of(&["fc.weight_g", "fc.weight_v", "fc.bias"]),
            [
                is("fc.weight", Part::Length),
                is("fc.weight", Part::Direction),
                None
            ]
        );
        let pair =
            ["original0", "original1"].map(|leaf| format!("a.parametrizations.weight.{leaf}"));
        assert_eq!(
            of(&[&pair[0], &pair[1]]),
            [
                is("a.weight", Part::Length),
                is("a.weight", Part::Direction)
            ]
        );
        assert_eq!(
            of(&[
                "parametrizations.weight.original",
                "parametrizations.weight.0._u"
            ]),
            [
                is("weight", Part::Parametrized),
                is("weight", Part::Iterate)
            ]
        );
        assert_eq!(
            of(&["fc.weight_orig", "fc.weight_u", "fc.weight_v"]),
            [
                is("fc.weight", Part::Unnormalized),
                is("fc.weight", Part::Iterate),
                is("fc.weight", Part::Iterate)
            ]
        );
        assert_eq!(
            of(&["fc.weight_orig", "fc.weight_mask"])[0],
            is("fc.weight", Part::Unpruned)
        );
        assert_eq!(of(&["a.time_mix_g", "a.time_mix_v"]), [None, None]);
        // Alone, these names are not evidence.
        for name in [
            "proj_v",
            "fc.weight_v",
            "fc.weight_orig",
            "vae.scales",
            "mask_blocks",
        ] {
            assert_eq!(of(&[name]), [None], "{name}");
        }
    }

    #[test]
    fn quantized_weights() {
        use DType::{BF16, F8E4M3, F16, F32, I8, I32, U8};
        for scale in [
            "q.weight_scale",
            "q.weight_scale_inv",
            "q.scale_weight",
            "q.input_scale",
            "q.weight.absmax",
            "q.weight.quant_map",
            "q.SCB",
        ] {
            for dtype in [F8E4M3, I8, U8] {
                assert_eq!(
                    parts(&[("q.weight", dtype), (scale, F32)]),
                    [is("q.weight", Part::Quantized), is("q.weight", Part::Aid)],
                    "{scale}"
                );
            }
            // A wide type is a weight, whatever lies beside it.
            assert_eq!(
                parts(&[("q.weight", BF16), (scale, F32)]),
                [None, None],
                "{scale}"
            );
        }
        // So is an 8-bit float without a scale.
        assert_eq!(
            parts(&[("q.weight", F8E4M3), ("q.bias", F32)]),
            [None, None]
        );
        assert_eq!(
            parts(&[
                ("q.qweight", I32),
                ("q.qzeros", I32),
                ("q.scales", F16),
                ("q.g_idx", I32)
            ]),
            [
                is("q.weight", Part::Packed),
                is("q.weight", Part::Aid),
                is("q.weight", Part::Aid),
                is("q.weight", Part::Aid)
            ]
        );
        assert_eq!(
            parts(&[("e.gate_up_proj_blocks", U8), ("e.gate_up_proj_scales", U8)]),
            [
                is("e.gate_up_proj", Part::Packed),
                is("e.gate_up_proj", Part::Aid)
            ]
        );
    }
}
