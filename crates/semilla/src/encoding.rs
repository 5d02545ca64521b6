//! Weights that are stored in parts: which tensors of a checkpoint together mean one weight.
//!
//! A weight-normalized layer is stored as a direction and a length, a quantized one as small
//! numbers and their scales. Each part has a name or a shape like the weight's, and none is the
//! weight. One name says little (`weight_v` may be anything), so an encoding is recognized by all
//! names together, and quantized numbers by their type.
//!
//! Sources of the names: PyTorch (`torch.nn.utils`), transformers, compressed-tensors,
//! bitsandbytes, AutoGPTQ, AutoAWQ, TensorRT Model Optimizer, MLX, ComfyUI, peft, loralib.

use std::collections::{BTreeMap, HashMap};

use crate::dtype::DType;

/// A way to store a weight in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Direction and length (Salimans & Kingma 2016), whose product is the weight.
    WeightNorm,
    /// A weight before its division by an estimate of its largest singular value (Miyato 2018).
    SpectralNorm,
    /// A weight and the mask of its pruning.
    Pruned,
    /// Parts of another parametrization of PyTorch's, whose function the file does not tell.
    Parametrized,
    /// A weight beside an adapter of peft or loralib, whose scaling the file does not have.
    Adapted,
    /// Numbers of one byte with scales: for all of it, for rows, blocks or groups. Two numbers of
    /// four bits may share a byte.
    Scaled,
    /// Eight bits of bitsandbytes, with a scale for each row.
    Bitsandbytes8,
    /// Four bits of bitsandbytes: places in a table, with a scale for each block.
    Bitsandbytes4,
    /// MXFP4 as gpt-oss has it: four-bit floats with an exponent for each block of 32.
    Mxfp4,
    /// GPTQ or AWQ: integers packed into words, with scales and zeros for groups.
    Packed,
    /// compressed-tensors: integers packed into words, or four-bit floats, with scales for groups.
    CompressedTensors,
    /// MLX: integers packed into words, with scales and biases for groups.
    Mlx,
}

/// The task of a tensor in the encoding of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The numbers that are decoded; of weight norm the direction.
    Main,
    /// The length of a weight-normalized weight.
    Length,
    /// The vector `u` by which a spectral norm is estimated.
    Left,
    /// The vector `v` by which a spectral norm is estimated.
    Right,
    /// The mask of a pruning.
    Mask,
    /// Scales.
    Scale,
    /// Scales of scales, that multiply.
    SecondScale,
    /// A scale of scales, that divides.
    GlobalScale,
    /// Zero points.
    Zero,
    /// Values that are added to groups.
    Bias,
    /// The group of each input.
    Group,
    /// The weight's shape.
    Shape,
    /// The values that places in a table stand for.
    Table,
    /// Scales of scales in blocks.
    NestedScale,
    /// The values of the scales' table.
    NestedTable,
    /// Sizes and types, as text.
    State,
    /// A factor of an adapter.
    Adapter,
    /// What the layer's inputs need, not its weight.
    Input,
}

/// A weight that is stored in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The weight's name.
    pub weight: String,
    /// How it is stored.
    pub encoding: Encoding,
    /// The places of its parts in the list of tensors, the first of them [`Part::Main`].
    pub parts: Vec<(Part, usize)>,
}

impl Encoded {
    /// The place of a part.
    pub fn part(&self, part: Part) -> Option<usize> {
        let found = self.parts.iter().find(|(own, _)| *own == part);
        found.map(|(_, place)| *place)
    }

    /// The place of the part that is decoded.
    pub fn main(&self) -> usize {
        self.parts[0].1
    }
}

/// What ends the name of a stored tensor where its weight, put together, has the same name.
pub const AS_STORED: &str = " (as stored)";

/// The name that a tensor has in its file.
pub fn stored_name(name: &str) -> &str {
    name.strip_suffix(AS_STORED).unwrap_or(name)
}

/// The weights that are stored in parts among tensors, by their names and types, in the order of
/// their main parts. A tensor belongs to at most one.
///
/// ```
/// use semilla::DType::{F32, F8E4M3};
/// use semilla::encoding::{Encoding, Part, encoded};
///
/// let found = encoded([("fc.weight_g", F32), ("fc.weight_v", F32), ("fc.bias", F32)]);
/// assert_eq!((&*found[0].weight, found[0].encoding), ("fc.weight", Encoding::WeightNorm));
/// assert_eq!(found[0].parts, [(Part::Main, 1), (Part::Length, 0)]);
///
/// let found = encoded([("q.weight", F8E4M3), ("q.weight_scale_inv", F32)]);
/// assert_eq!((&*found[0].weight, found[0].encoding), ("q.weight", Encoding::Scaled));
/// ```
pub fn encoded<'a>(tensors: impl IntoIterator<Item = (&'a str, DType)>) -> Vec<Encoded> {
    let tensors: Vec<(&str, DType)> = tensors
        .into_iter()
        .map(|(name, dtype)| (stored_name(name), dtype))
        .collect();
    let places: HashMap<&str, usize> = (0..)
        .zip(&tensors)
        .map(|(place, (name, _))| (*name, place))
        .collect();
    let mut is_taken = vec![false; tensors.len()];
    let mut found: Vec<Encoded> = adapted(&places);
    for (_, place) in found.iter().flat_map(|encoded| &encoded.parts) {
        is_taken[*place] = true;
    }
    for form in FORMS {
        for (place, &(name, dtype)) in tensors.iter().enumerate() {
            if is_taken[place] || !form.holds.is_met(dtype) {
                continue;
            }
            let Some(whole) = Whole::of(form.main, name) else {
                continue;
            };
            let beside = form.beside.iter().filter_map(|(part, pattern)| {
                let place = *places.get(whole.name_of(pattern)?.as_str())?;
                Some((*part, place))
            });
            let mut parts = vec![(Part::Main, place)];
            parts.extend(beside.filter(|(_, other)| *other != place && !is_taken[*other]));
            if parts.len() > 1 || form.is_alone() {
                parts.iter().for_each(|(_, place)| is_taken[*place] = true);
                found.push(Encoded {
                    weight: whole.weight,
                    encoding: form.encoding,
                    parts,
                });
            }
        }
    }
    found.sort_by_key(Encoded::main);
    found
}

/// Weights that have an adapter's factors beside them: as peft (`base_layer.weight`, under an
/// adapter of any name) and loralib store them.
fn adapted(places: &HashMap<&str, usize>) -> Vec<Encoded> {
    let mut factors: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (&name, &place) in places {
        if let Some(module) = module_of_factor(name) {
            factors.entry(module).or_default().push(place);
        }
    }
    let bases = factors.into_iter().filter_map(|(module, mut factors)| {
        let mains = ["base_layer.weight", "weight"].map(|leaf| format!("{module}{leaf}"));
        let main = mains.iter().find_map(|name| places.get(name.as_str()))?;
        factors.sort_unstable();
        let factors = factors.into_iter().map(|place| (Part::Adapter, place));
        Some(Encoded {
            weight: format!("{module}weight"),
            encoding: Encoding::Adapted,
            parts: std::iter::once((Part::Main, *main))
                .chain(factors)
                .collect(),
        })
    });
    bases.collect()
}

/// The module, with its dot, that has a factor of an adapter.
fn module_of_factor(name: &str) -> Option<&str> {
    const FACTORS: [&str; 10] = [
        "lora_", "ia3_", "hada_", "lokr_", "oft_", "boft_", "vera_", "vblora_", "hra_", "bone_",
    ];
    let mut starts = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
    let is_factor = |at: &usize| FACTORS.iter().any(|start| name[*at..].starts_with(start));
    starts.find(is_factor).map(|at| &name[..at])
}

/// The axis of a weight-normalized direction for each of whose indices there is a length;
/// `Some(None)` if there is one for all.
pub fn length_axis(length: &[usize], direction: &[usize]) -> Option<Option<usize>> {
    let count: usize = length.iter().product();
    if length.len() != direction.len() {
        return (count == 1).then_some(None);
    }
    let is_kept = |axis: usize| {
        let others = (0..length.len()).filter(|other| *other != axis);
        length[axis] == direction[axis] && others.into_iter().all(|other| length[other] == 1)
    };
    let axis = (0..length.len()).find(|&axis| is_kept(axis));
    axis.map(Some).or((count == 1).then_some(None))
}

/// How an encoding names its parts. In a pattern `W` is the weight's name, `M` that of its module
/// with the dot, and `P` that of its parametrizations.
struct Form {
    encoding: Encoding,
    main: &'static str,
    holds: Holds,
    /// At least one of them must be there.
    beside: &'static [(Part, &'static str)],
}

/// The types that a main part may have.
enum Holds {
    Any,
    Bytes,
    Words,
}

impl Holds {
    fn is_met(&self, dtype: DType) -> bool {
        match self {
            Holds::Any => true,
            Holds::Bytes => dtype.size() == 1 && dtype != DType::Bool,
            Holds::Words => dtype == DType::U32,
        }
    }
}

impl Form {
    /// Whether a name alone is evidence.
    fn is_alone(&self) -> bool {
        self.encoding == Encoding::Parametrized
    }
}

/// All encodings that are recognized. Of two that fit the former is meant.
const FORMS: &[Form] = &[
    Form {
        encoding: Encoding::WeightNorm,
        main: "W_v",
        holds: Holds::Any,
        beside: &[(Part::Length, "W_g")],
    },
    Form {
        encoding: Encoding::WeightNorm,
        main: "P.original1",
        holds: Holds::Any,
        beside: &[(Part::Length, "P.original0")],
    },
    Form {
        encoding: Encoding::SpectralNorm,
        main: "W_orig",
        holds: Holds::Any,
        beside: &[(Part::Left, "W_u"), (Part::Right, "W_v")],
    },
    Form {
        encoding: Encoding::SpectralNorm,
        main: "P.original",
        holds: Holds::Any,
        beside: &[(Part::Left, "P.0._u"), (Part::Right, "P.0._v")],
    },
    Form {
        encoding: Encoding::Pruned,
        main: "W_orig",
        holds: Holds::Any,
        beside: &[(Part::Mask, "W_mask")],
    },
    Form {
        encoding: Encoding::Parametrized,
        main: "P",
        holds: Holds::Any,
        beside: &[],
    },
    Form {
        encoding: Encoding::Mxfp4,
        main: "W_blocks",
        holds: Holds::Any,
        beside: &[(Part::Scale, "W_scales")],
    },
    Form {
        encoding: Encoding::Packed,
        main: "Mqweight",
        holds: Holds::Any,
        beside: &[
            (Part::Scale, "Mscales"),
            (Part::Zero, "Mqzeros"),
            (Part::Group, "Mg_idx"),
        ],
    },
    Form {
        encoding: Encoding::CompressedTensors,
        main: "Mweight_packed",
        holds: Holds::Any,
        beside: &[
            (Part::Scale, "Mweight_scale"),
            (Part::Zero, "Mweight_zero_point"),
            (Part::Shape, "Mweight_shape"),
            (Part::Group, "Mweight_g_idx"),
            (Part::GlobalScale, "Mweight_global_scale"),
            (Part::Input, "Minput_global_scale"),
            (Part::Input, "Minput_scale"),
            (Part::Input, "Minput_zero_point"),
        ],
    },
    Form {
        encoding: Encoding::Mlx,
        main: "W",
        holds: Holds::Words,
        beside: &[
            (Part::Scale, "Mscales"),
            (Part::Bias, "Mbiases"),
            (Part::Bias, "Mqbiases"),
        ],
    },
    Form {
        encoding: Encoding::Bitsandbytes4,
        main: "W",
        holds: Holds::Bytes,
        beside: &[
            (Part::State, "W.quant_state.bitsandbytes__nf4"),
            (Part::State, "W.quant_state.bitsandbytes__fp4"),
            (Part::Scale, "W.absmax"),
            (Part::Table, "W.quant_map"),
            (Part::NestedScale, "W.nested_absmax"),
            (Part::NestedTable, "W.nested_quant_map"),
        ],
    },
    Form {
        encoding: Encoding::Bitsandbytes8,
        main: "W",
        holds: Holds::Bytes,
        beside: &[
            (Part::Scale, "MSCB"),
            (Part::Scale, "W.SCB"),
            (Part::State, "Mweight_format"),
        ],
    },
    Form {
        encoding: Encoding::Scaled,
        main: "W",
        holds: Holds::Bytes,
        beside: &[
            (Part::Scale, "W_scale_inv"),
            (Part::Scale, "W_scale"),
            (Part::Scale, "W_scale_inverse"),
            (Part::Scale, "W_scales"),
            (Part::Scale, "W.scale"),
            (Part::Scale, "Mscale_weight"),
            (Part::SecondScale, "W_scale_2"),
            (Part::Zero, "W_zero_point"),
            (Part::Input, "Minput_scale"),
            (Part::Input, "Mscale_input"),
            (Part::Input, "Minput_zero_point"),
        ],
    },
];

/// A weight by its names.
struct Whole {
    weight: String,
    /// The module's name with the dot, if the weight is called `weight`.
    module: Option<String>,
    /// The name of its parametrizations.
    parametrized: Option<String>,
}

impl Whole {
    /// The weight whose main part this name is.
    fn of(pattern: &str, name: &str) -> Option<Self> {
        let ending = &pattern[1..];
        match &pattern[..1] {
            "P" => Self::parametrized(name, ending),
            "M" => {
                let (module, leaf) = split_leaf(name);
                (leaf == ending).then(|| Self::plain(format!("{module}weight")))
            }
            _ => {
                let weight = name.strip_suffix(ending)?;
                // RWKV has a `time_mix_g` and a `time_mix_v`, which are what they are called.
                let is_free = ending.is_empty() || ending == "_blocks" || is_parameter(weight);
                is_free.then(|| Self::plain(weight.to_owned()))
            }
        }
    }

    fn plain(weight: String) -> Self {
        let (module, leaf) = split_leaf(&weight);
        let module = (leaf == "weight").then(|| module.to_owned());
        Self {
            weight,
            module,
            parametrized: None,
        }
    }

    /// `fc.parametrizations.weight.original0`: of `fc.weight`.
    fn parametrized(name: &str, ending: &str) -> Option<Self> {
        const ROOM: &str = "parametrizations.";
        let at = match name.starts_with(ROOM) {
            true => 0,
            false => name.find(&format!(".{ROOM}"))? + 1,
        };
        let (weight, part) = name[at + ROOM.len()..].split_once('.')?;
        let is_meant = ending.is_empty() || part == &ending[1..];
        is_meant.then(|| Self {
            weight: format!("{}{weight}", &name[..at]),
            module: None,
            parametrized: Some(name[..name.len() - part.len() - 1].to_owned()),
        })
    }

    /// The name of a part.
    fn name_of(&self, pattern: &str) -> Option<String> {
        let start = match &pattern[..1] {
            "P" => self.parametrized.as_deref()?,
            "M" => self.module.as_deref()?,
            _ => &self.weight,
        };
        Some(format!("{start}{}", &pattern[1..]))
    }
}

fn is_parameter(name: &str) -> bool {
    let leaf = split_leaf(name).1;
    let mut kinds = ["weight", "bias", "kernel"].iter();
    kinds.any(|kind| leaf.contains(kind))
}

/// A name as its module's, with the dot, and its last part.
pub(crate) fn split_leaf(name: &str) -> (&str, &str) {
    name.split_at(name.rfind(['.', '/']).map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each tensor the weight that it belongs to and its part.
    fn parts(tensors: &[(&str, DType)]) -> Vec<Option<(String, Encoding, Part)>> {
        let mut parts = vec![None; tensors.len()];
        for found in encoded(tensors.iter().copied()) {
            for (part, place) in found.parts {
                parts[place] = Some((found.weight.clone(), found.encoding, part));
            }
        }
        parts
    }

    fn is(weight: &str, encoding: Encoding, part: Part) -> Option<(String, Encoding, Part)> {
        Some((weight.to_owned(), encoding, part))
    }

    #[test]
    fn normalized_weights() {
        use DType::F32;
        use Encoding::{Parametrized, Pruned, SpectralNorm, WeightNorm};
        let of = |names: &[&str]| {
            let tensors: Vec<_> = names.iter().map(|name| (*name, F32)).collect();
            parts(&tensors)
        };
        assert_eq!(
            of(&["fc.weight_g", "fc.weight_v", "fc.bias"]),
            [
                is("fc.weight", WeightNorm, Part::Length),
                is("fc.weight", WeightNorm, Part::Main),
                None
            ]
        );
        let pair =
            ["original0", "original1"].map(|leaf| format!("a.parametrizations.weight.{leaf}"));
        assert_eq!(
            of(&[&pair[0], &pair[1]]),
            [
                is("a.weight", WeightNorm, Part::Length),
                is("a.weight", WeightNorm, Part::Main)
            ]
        );
        assert_eq!(
            of(&[
                "parametrizations.weight.original",
                "parametrizations.weight.0._u"
            ]),
            [
                is("weight", SpectralNorm, Part::Main),
                is("weight", SpectralNorm, Part::Left)
            ]
        );
        assert_eq!(
            of(&["a.parametrizations.weight.original"]),
            [is("a.weight", Parametrized, Part::Main)]
        );
        assert_eq!(
            of(&["fc.weight_orig", "fc.weight_u", "fc.weight_v"]),
            [
                is("fc.weight", SpectralNorm, Part::Main),
                is("fc.weight", SpectralNorm, Part::Left),
                is("fc.weight", SpectralNorm, Part::Right)
            ]
        );
        assert_eq!(
            of(&["fc.weight_orig", "fc.weight_mask"])[0],
            is("fc.weight", Pruned, Part::Main)
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
    fn weights_beside_an_adapter() {
        let of = |names: &[&str]| {
            let tensors: Vec<_> = names.iter().map(|name| (*name, DType::F32)).collect();
            let found = parts(&tensors).into_iter();
            found
                .map(|found| found.map(|(_, _, part)| part))
                .collect::<Vec<_>>()
        };
        let (main, factor) = (Some(Part::Main), Some(Part::Adapter));
        let peft = [
            "q.base_layer.weight",
            "q.lora_A.mine.weight",
            "q.base_layer.bias",
            "q.norm",
        ];
        assert_eq!(of(&peft), [main, factor, None, None]);
        let found = encoded(peft.map(|name| (name, DType::F32)));
        assert_eq!(found[0].weight, "q.weight");
        assert_eq!(
            of(&["q.weight", "q.lora_A", "q.lora_B"]),
            [main, factor, factor]
        );
        // An adapter without its base, and a base without an adapter, are what they are.
        assert_eq!(of(&["q.lora_A.weight", "q.lora_B.weight"]), [None, None]);
        assert_eq!(of(&["base_layer.weight", "head.weight"]), [None, None]);
    }

    #[test]
    fn quantized_weights() {
        use DType::{BF16, F8E4M3, F16, F32, I8, I32, U8, U32};
        use Encoding::{Bitsandbytes4, Bitsandbytes8, Mlx, Mxfp4, Packed, Scaled};
        for (scale, encoding, part) in [
            ("q.weight_scale", Scaled, Part::Scale),
            ("q.weight_scale_inv", Scaled, Part::Scale),
            ("q.scale_weight", Scaled, Part::Scale),
            ("q.input_scale", Scaled, Part::Input),
            ("q.weight.absmax", Bitsandbytes4, Part::Scale),
            ("q.weight.quant_map", Bitsandbytes4, Part::Table),
            ("q.SCB", Bitsandbytes8, Part::Scale),
        ] {
            for dtype in [F8E4M3, I8, U8] {
                assert_eq!(
                    parts(&[("q.weight", dtype), (scale, F32)]),
                    [
                        is("q.weight", encoding, Part::Main),
                        is("q.weight", encoding, part)
                    ],
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
            [Part::Main, Part::Zero, Part::Scale, Part::Group]
                .map(|part| is("q.weight", Packed, part))
        );
        assert_eq!(
            parts(&[("q.weight", U32), ("q.scales", F16), ("q.biases", F16)]),
            [Part::Main, Part::Scale, Part::Bias].map(|part| is("q.weight", Mlx, part))
        );
        assert_eq!(
            parts(&[("e.gate_up_proj_blocks", U8), ("e.gate_up_proj_scales", U8)]),
            [Part::Main, Part::Scale].map(|part| is("e.gate_up_proj", Mxfp4, part))
        );
    }

    #[test]
    fn a_weight_of_its_parts_name_is_not_one_of_them() {
        use DType::{BF16, F8E4M3, F32};
        let found = encoded([
            ("q.weight (as stored)", F8E4M3),
            ("q.weight_scale", F32),
            ("q.weight", BF16),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].weight, "q.weight");
        assert_eq!(found[0].parts, [(Part::Main, 0), (Part::Scale, 1)]);
    }

    #[test]
    fn lengths_lie_along_an_axis() {
        assert_eq!(length_axis(&[4, 1, 1], &[4, 3, 2]), Some(Some(0)));
        assert_eq!(length_axis(&[1, 3, 1], &[4, 3, 2]), Some(Some(1)));
        assert_eq!(length_axis(&[1, 1], &[4, 3]), Some(None));
        assert_eq!(length_axis(&[], &[4, 3]), Some(None));
        assert_eq!(length_axis(&[1, 1], &[1, 3]), Some(Some(0)));
        assert_eq!(length_axis(&[4, 3], &[4, 3]), None);
        assert_eq!(length_axis(&[3], &[4, 3]), None);
    }
}
