//! What was found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A likely mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind it is.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// The tensors that it is about, in the model's order.
    pub tensors: Vec<String>,
    /// What is amiss, and what it does, in numbers.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It will likely hurt training.
    Warning,
    /// It is not what it looks like, but may be meant, or do no harm.
    Note,
}

/// The kinds of likely mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Fans read off the shape ignore groups, a transposed layout or fused weights.
    Fans,
    /// Bounds of a truncated normal that never bind, or leave little of it.
    Truncation,
    /// A residual branch that is scaled down by depth twice, or where it does not end.
    DepthScale,
    /// A head, often a tied one, whose logits start large.
    Logits,
    /// A parameter keeps the values of the file because no rule speaks of it.
    Kept,
    /// Tensors of a file with the same bits.
    Twins,
    /// The units of a layer start equal, or let nothing through.
    Symmetry,
    /// A normalization that makes 0 of everything.
    NormScale,
    /// Factors of one product that all start at 0, so that none gets a gradient.
    ZeroProduct,
    /// Weights under which SELU does not normalize.
    Selu,
    /// Dropout behind SELU.
    Dropout,
    /// More than half of a layer's units start where the activation is flat.
    Saturation,
    /// A plain stack in which signals or gradients vanish or explode.
    Depth,
    /// Values that the element type rounds to 0.
    Precision,
    /// An embedding scaled by the size of its vocabulary.
    Embedding,
    /// Biases that outweigh what the weights make.
    Bias,
}

impl Rule {
    /// The name in text and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Fans => "fans",
            Rule::Truncation => "truncation",
            Rule::DepthScale => "depth_scale",
            Rule::Logits => "logits",
            Rule::Kept => "kept",
            Rule::Twins => "twins",
            Rule::Symmetry => "symmetry",
            Rule::NormScale => "norm_scale",
            Rule::ZeroProduct => "zero_product",
            Rule::Selu => "selu",
            Rule::Dropout => "dropout",
            Rule::Saturation => "saturation",
            Rule::Depth => "depth",
            Rule::Precision => "precision",
            Rule::Embedding => "embedding",
            Rule::Bias => "bias",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Severity {
    /// The name in text and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
