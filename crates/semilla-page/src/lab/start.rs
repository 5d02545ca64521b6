//! The first weights that a learner can choose.

use crate::text::Text;

/// A way to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Start {
    /// All weights are 0.
    Zeros,
    /// Normal, with a standard deviation that is far too small.
    Small,
    /// Normal, with a standard deviation that is far too large.
    Large,
    /// Uniform within 1/√fan_in: what was usual before Glorot & Bengio 2010.
    Random,
    /// Glorot & Bengio 2010.
    Xavier,
    /// He et al. 2015.
    He,
    /// Saxe et al. 2014, with the activation's gain.
    Orthogonal,
    /// What Semilla chooses.
    Auto,
    /// The weights of a network that was trained on other classes.
    Pretrained,
    /// Normal, with the learner's own gain.
    Own,
}

impl Start {
    /// All, in the order in which they are offered.
    pub(super) const ALL: [Self; 10] = [
        Self::Zeros,
        Self::Small,
        Self::Large,
        Self::Random,
        Self::Xavier,
        Self::He,
        Self::Orthogonal,
        Self::Auto,
        Self::Pretrained,
        Self::Own,
    ];

    /// Its name in settings.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Zeros => "zeros",
            Self::Small => "small",
            Self::Large => "large",
            Self::Random => "random",
            Self::Xavier => "xavier",
            Self::He => "he",
            Self::Orthogonal => "orthogonal",
            Self::Auto => "auto",
            Self::Pretrained => "pretrained",
            Self::Own => "own",
        }
    }

    /// Its name for people.
    pub(super) fn name(self) -> Text {
        match self {
            Self::Zeros => Text::new("zeros", "ceros"),
            Self::Small => Text::new("too small", "demasiado pequeña"),
            Self::Large => Text::new("too large", "demasiado grande"),
            Self::Random => Text::new("±1/√fan_in", "±1/√fan_in"),
            Self::Xavier => Text::new("Xavier", "Xavier"),
            Self::He => Text::new("He", "He"),
            Self::Orthogonal => Text::new("orthogonal", "ortogonal"),
            Self::Auto => Text::new("Semilla’s choice", "la que elige Semilla"),
            Self::Pretrained => Text::new("pretrained", "preentrenada"),
            Self::Own => Text::new("your own gain", "su propia ganancia"),
        }
    }

    /// Whether its weights are random, so that theory speaks of them.
    pub(super) fn is_random(self) -> bool {
        !matches!(self, Self::Zeros | Self::Pretrained)
    }

    /// Its place among all, which gives it its look.
    pub(super) fn number(self) -> usize {
        self as usize
    }
}
