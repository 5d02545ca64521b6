//! Architectures and data on offer.

use crate::text::Text;

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Linear layers, an activation after each but the last.
    Plain,
    /// The same with a batch normalization before each activation.
    BatchNorm,
    /// The same with a layer normalization.
    LayerNorm,
    /// Blocks that add to what comes in.
    Residual,
    /// 3×3 convolutions over an image, then a linear layer on the mean of each channel.
    Convolutions,
}

impl Shape {
    pub(super) const ALL: [Self; 5] = [
        Self::Plain,
        Self::BatchNorm,
        Self::LayerNorm,
        Self::Residual,
        Self::Convolutions,
    ];

    pub(super) fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.key() == key)
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::BatchNorm => "batch",
            Self::LayerNorm => "layer",
            Self::Residual => "residual",
            Self::Convolutions => "convolutions",
        }
    }

    pub(super) fn name(self) -> Text {
        match self {
            Self::Plain => Text::new("plain perceptron", "perceptrón sencillo"),
            Self::BatchNorm => Text::new("batch normalization", "normalización por lotes"),
            Self::LayerNorm => Text::new("layer normalization", "normalización por capas"),
            Self::Residual => Text::new("residual blocks", "bloques residuales"),
            Self::Convolutions => Text::new("convolutions", "convoluciones"),
        }
    }
}

/// Data that need no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Digits,
    Mnist1d,
    Spirals,
    Parity,
}

impl Source {
    pub(super) const ALL: [Self; 4] = [Self::Digits, Self::Mnist1d, Self::Spirals, Self::Parity];

    pub(super) fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.key() == key)
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist1d => "mnist1d",
            Self::Spirals => "spirals",
            Self::Parity => "parity",
        }
    }

    pub(super) fn name(self) -> Text {
        match self {
            Self::Digits => Text::new("handwritten digits", "dígitos manuscritos"),
            Self::Mnist1d => Text::new("MNIST-1D", "MNIST-1D"),
            Self::Spirals => Text::new("two spirals", "dos espirales"),
            Self::Parity => Text::new("parity of 4 bits", "paridad de 4 bits"),
        }
    }

    /// Its name with its parameters.
    pub(super) fn spec(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist1d => "mnist1d",
            Self::Spirals => "spirals",
            Self::Parity => "parity:bits=4:inputs=16",
        }
    }

    /// Numbers of a sample.
    pub(super) fn inputs(self) -> usize {
        match self {
            Self::Digits => 64,
            Self::Mnist1d => 40,
            Self::Spirals => 2,
            Self::Parity => 16,
        }
    }

    /// The side of its images; `None` if its samples are none.
    pub(super) fn side(self) -> Option<usize> {
        (self == Self::Digits).then_some(8)
    }

    pub(super) fn classes(self) -> usize {
        match self.has_ten_classes() {
            true => 10,
            false => 2,
        }
    }

    pub(super) fn has_ten_classes(self) -> bool {
        matches!(self, Self::Digits | Self::Mnist1d)
    }
}
