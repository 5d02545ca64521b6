//! Conditions that a scheme's theory rests on.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::layout::Axis;
use crate::model::{Model, Role, Side, Tensor};

/// A condition on the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// It has no normalization layers.
    NoNormalizations,
    /// Normalizations come after the residual sum (post-norm).
    PostNorm,
    /// It is an encoder with a decoder.
    EncoderDecoder,
    /// Where a decoder attends to an encoder, the encoder is there.
    KnownSides,
    /// Its width is known and differs from the width at which hyperparameters are tuned.
    BaseWidth,
    /// It has residual blocks.
    ResidualBlocks,
    /// It has blocks of attention or feed-forward layers.
    TransformerBlocks,
    /// Every residual branch has a learned multiplier.
    BranchScales,
    /// Learning-rate factors are known for all tensors that need them.
    LearningRates,
}

impl Condition {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            Condition::NoNormalizations => "no_normalizations",
            Condition::PostNorm => "post_norm",
            Condition::EncoderDecoder => "encoder_decoder",
            Condition::KnownSides => "known_sides",
            Condition::BaseWidth => "base_width",
            Condition::ResidualBlocks => "residual_blocks",
            Condition::TransformerBlocks => "transformer_blocks",
            Condition::BranchScales => "branch_scales",
            Condition::LearningRates => "learning_rates",
        }
    }
}

/// A condition that the model does not meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmet {
    /// The condition.
    pub condition: Condition,
    /// What is amiss, and what it means.
    pub words: String,
    /// The tensors that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<String>,
}

/// What a condition is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a Model,
    pub(crate) width: Option<usize>,
    pub(crate) base_width: Option<usize>,
}

impl Condition {
    /// The remark on a model that does not meet it, as far as its tensors show.
    pub(crate) fn unmet(self, asked: Asked<'_>) -> Option<Unmet> {
        let model = asked.model;
        let (words, tensors) = match self {
            Condition::NoNormalizations => {
                let norms = normalizations(model);
                let words = "the scheme is for networks without normalizations, and these are \
                             normalizations: remove them, or choose a recipe for networks that \
                             have them"
                    .to_owned();
                (!norms.is_empty()).then_some((words, names(norms)))
            }
            Condition::PostNorm => {
                let last = last_normalizations(model);
                let words = "the model looks pre-norm: a normalization follows its last block. \
                             The scheme is for normalizations behind each residual sum (post-norm)"
                    .to_owned();
                (!last.is_empty()).then_some((words, names(last)))
            }
            Condition::EncoderDecoder => encoder_decoder(model),
            Condition::KnownSides => known_sides(model),
            Condition::BaseWidth => base_width(asked).map(|words| (words, Vec::new())),
            Condition::ResidualBlocks => {
                let ends = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
                no_blocks(model, &ends, "no residual blocks were found")
            }
            Condition::TransformerBlocks => {
                let ends = [Role::AttentionOut, Role::MlpOut];
                no_blocks(
                    model,
                    &ends,
                    "no blocks of attention or feed-forward layers were found",
                )
            }
            Condition::BranchScales => {
                let has = |role| model.tensors.iter().any(|tensor| tensor.role == role);
                let words = "no residual branch has a learned multiplier (`resweight`, \
                             `skip_gain`): without one that starts at 0 the scheme does nothing"
                    .to_owned();
                (!has(Role::BranchScale)).then(|| (words, Vec::new()))
            }
            // Found where the factors are computed.
            Condition::LearningRates => None,
        }?;
        Some(Unmet {
            condition: self,
            words,
            tensors,
        })
    }
}

fn names(tensors: Vec<&Tensor>) -> Vec<String> {
    tensors.into_iter().map(|t| t.name.clone()).collect()
}

fn is_norm(tensor: &Tensor) -> bool {
    matches!(
        tensor.role,
        Role::NormWeight | Role::LastNormWeight | Role::OffsetNormWeight
    )
}

fn normalizations(model: &Model) -> Vec<&Tensor> {
    let tensors = model.tensors.iter();
    tensors.filter(|tensor| is_norm(tensor)).collect()
}

/// Normalizations outside of all blocks, in the module that holds a stack of them: `ln_f` beside
/// `h.0`, `model.norm` beside `model.layers.0`. Those of embeddings and those before the stack are
/// not meant.
fn last_normalizations(model: &Model) -> Vec<&Tensor> {
    let outside = |tensor: &&Tensor| is_norm(tensor) && tensor.depth.is_none();
    let mut found: Vec<&Tensor> = normalizations(model).into_iter().filter(outside).collect();
    if found.is_empty() {
        return found;
    }
    let inside = model.tensors.iter().filter(|tensor| tensor.depth.is_some());
    // The modules around blocks: `model.` and `model.layers.` of `model.layers.0.mlp.fc1.weight`.
    let around_blocks: HashSet<&str> = inside.flat_map(|tensor| modules(&tensor.name)).collect();
    let names: HashSet<&str> = model.tensors.iter().map(|t| t.name.as_str()).collect();
    found.retain(|norm| {
        let module = norm.name.rsplit_once('.').map_or("", |(module, _)| module);
        let start = module.rfind('.').map_or(0, |at| at + 1);
        let (around, own) = (&module[..start], module[start..].to_ascii_lowercase());
        let has = |name: String| names.contains(name.as_str());
        let is_before = own.contains("emb") || own.contains("pre");
        // DeBERTa's normalizes its relative positions, torch.nn.Transformer has one in any case, and
        // that of a batch comes behind a convolution.
        let is_other = has(format!("{around}rel_embeddings.weight"))
            || has(format!("{around}layers.0.linear1.weight"))
            || has(format!("{module}.running_mean"));
        !is_before && !is_other && around_blocks.contains(around)
    });
    found
}

/// The modules that a tensor lies in, the outermost first, with the dot behind each.
fn modules(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').map(|(at, _)| &name[..=at]);
    std::iter::once("").chain(dots)
}

/// The remark on a model without blocks that end so.
fn no_blocks(model: &Model, ends: &[Role], found: &str) -> Remark {
    let is_end = |tensor: &Tensor| tensor.side.is_some() && ends.contains(&tensor.role);
    let words = format!("{found}, which the scheme is for");
    (!model.tensors.iter().any(is_end)).then_some((words, Vec::new()))
}

type Remark = Option<(String, Vec<String>)>;

fn has_side(model: &Model, side: Side) -> bool {
    model.tensors.iter().any(|tensor| tensor.side == Some(side))
}

fn encoder_decoder(model: &Model) -> Remark {
    let is_alone = !has_side(model, Side::Decoder);
    let words = "the scheme is derived for an encoder with a decoder; a stack by itself takes the \
                 encoder's factor, as its layers have two residual branches like the encoder's";
    is_alone.then(|| (words.to_owned(), Vec::new()))
}

fn known_sides(model: &Model) -> Remark {
    let is_lost = has_side(model, Side::Decoder) && !has_side(model, Side::Encoder);
    let words = "the decoder attends to an encoder that is not among these tensors: its factors \
                 do not depend on the encoder's depth, the encoder's do on both";
    is_lost.then(|| (words.to_owned(), Vec::new()))
}

fn base_width(asked: Asked<'_>) -> Option<String> {
    match (asked.base_width, asked.width) {
        (None, _) => Some(
            "no base_width: state the width at which hyperparameters are tuned in a recipe with \
             extends = \"mup\""
                .to_owned(),
        ),
        (Some(_), None) => Some(
            "the model's width is not known, so its ratio to the base width is not either"
                .to_owned(),
        ),
        (Some(_), Some(width)) if widths(asked.model).len() > 1 => Some(format!(
            "the residual stream has {} widths, and every factor is made with {width}: take each \
             stage's own ratio to its width in the model that is tuned",
            widths(asked.model).len()
        )),
        (Some(base), Some(width)) if base == width => Some(format!(
            "base_width is the model's own width, {width}: every factor is 1, as for the model \
             that is tuned"
        )),
        _ => None,
    }
}

/// The widths of the residual stream: as many as stages of different sizes.
fn widths(model: &Model) -> BTreeSet<usize> {
    let ends = [Role::AttentionOut, Role::MlpOut, Role::ResidualOut];
    let inside = |tensor: &&Tensor| tensor.side.is_some() && ends.contains(&tensor.role);
    let width = |tensor: &Tensor| {
        let layout = tensor.layout.as_ref()?;
        Some(layout.size(Axis::Out, &tensor.shape))
    };
    model
        .tensors
        .iter()
        .filter(inside)
        .filter_map(width)
        .collect()
}
