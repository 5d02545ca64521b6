//! Numbers of a plan that are found by looking at the network and its data, not by a formula of
//! one tensor.

use serde::{Deserialize, Serialize};

use crate::model::Role;

/// How the numbers of one tensor are fitted to the network and its data, beside its initializer.
///
/// A plan whose lines have a fit is not finished: `semilla_signal::fit` runs the network and
/// replaces each by the numbers that it finds. In a recipe: `fit = "lsuv"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Scales the weight until its layer's output has variance 1 over the batch: layer-sequential
    /// unit variance, Mishkin & Matas, *All you need is a good init*, ICLR 2016, algorithm 1.
    Lsuv,
    /// As [`Lsuv`](Self::Lsuv), for the part of the variance in which samples differ. The whole
    /// variance may be one of units alone, which carries nothing.
    LsuvBetweenSamples,
    /// Scales the weight so that theory expects variance 1 of its layer's output, given the layers
    /// before it; the network is followed, not run: AutoInit, Bingham & Miikkulainen, *AutoInit:
    /// Analytic Signal-Preserving Weight Initialization for Neural Networks*, AAAI 2023,
    /// algorithm 1.
    Analytic,
    /// Scales weights until squared gradients are the same along the main path: a search by
    /// |log g₁/g_L| without second derivatives.
    Balanced,
    /// Divides the magnitudes of a weight-normalized layer by the deviation of each unit:
    /// Salimans & Kingma, *Weight Normalization*, NeurIPS 2016, section 3.
    UnitVariance,
    /// Shifts a bias until each unit's mean over the batch is 0; with
    /// [`UnitVariance`](Self::UnitVariance) on the magnitudes, Salimans & Kingma 2016, section 3.
    Centred,
    /// The output's bias: the logarithms of the classes' frequencies in the labels, each class
    /// counted once more.
    ClassFrequencies,
    /// The output's bias before a sigmoid: -ln(C - 1), so that each of C classes starts at
    /// probability 1/C.
    Prior,
}

impl Fit {
    /// Every fit.
    pub const ALL: [Self; 8] = [
        Self::Lsuv,
        Self::LsuvBetweenSamples,
        Self::Analytic,
        Self::Balanced,
        Self::UnitVariance,
        Self::Centred,
        Self::ClassFrequencies,
        Self::Prior,
    ];

    /// Its name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lsuv => "lsuv",
            Self::LsuvBetweenSamples => "lsuv_between_samples",
            Self::Analytic => "analytic",
            Self::Balanced => "balanced",
            Self::UnitVariance => "unit_variance",
            Self::Centred => "centred",
            Self::ClassFrequencies => "class_frequencies",
            Self::Prior => "prior",
        }
    }

    /// Whether it finds one factor for all elements of a weight.
    pub(crate) fn scales(self) -> bool {
        match self {
            Self::Lsuv | Self::LsuvBetweenSamples | Self::Analytic | Self::Balanced => true,
            Self::UnitVariance | Self::Centred | Self::ClassFrequencies | Self::Prior => false,
        }
    }

    /// What a tensor must be to be fitted so.
    pub(crate) fn needs(self) -> &'static str {
        match self {
            Self::Lsuv | Self::LsuvBetweenSamples | Self::Analytic | Self::Balanced => {
                "the weight of a layer"
            }
            Self::UnitVariance => "the magnitudes of a weight-normalized layer (weight_gain)",
            Self::Centred | Self::ClassFrequencies | Self::Prior => "a bias",
        }
    }

    /// Whether a tensor of this role can be fitted so.
    pub(crate) fn fits(self, role: Role) -> bool {
        match self {
            Self::Lsuv | Self::LsuvBetweenSamples | Self::Balanced => {
                role.is_matrix() || role == Role::WeightGain
            }
            Self::Analytic => role.is_matrix(),
            Self::UnitVariance => role == Role::WeightGain,
            Self::Centred | Self::ClassFrequencies | Self::Prior => {
                matches!(role, Role::Bias | Role::PriorBias)
            }
        }
    }
}

impl std::fmt::Display for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
