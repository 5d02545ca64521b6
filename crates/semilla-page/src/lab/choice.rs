//! Architectures and data on offer.

use semilla_lab::{DataSpec, LabError, Seen};

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

/// A learner's own data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    data: DataSpec,
    seen: Seen,
}

impl Own {
    /// Looks at data.
    ///
    /// # Errors
    /// They cannot be read, or their labels are no classes.
    pub fn of(data: DataSpec) -> Result<Self, LabError> {
        let seen = data.seen()?;
        Ok(Self { data, seen })
    }
}

/// Data on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Digits,
    Mnist1d,
    Spirals,
    Parity,
    Own(Own),
}

impl Source {
    /// All that are on offer: what is built in, and the learner's own.
    pub(super) fn all(own: Option<&Own>) -> Vec<Self> {
        let built_in = [Self::Digits, Self::Mnist1d, Self::Spirals, Self::Parity];
        let own = own.cloned().map(Self::Own);
        built_in.into_iter().chain(own).collect()
    }

    pub(super) fn named(key: &str, own: Option<&Own>) -> Option<Self> {
        let mut all = Self::all(own).into_iter();
        all.find(|source| source.key() == key)
    }

    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Own(_) => "own",
            Self::Digits => "digits",
            Self::Mnist1d => "mnist1d",
            Self::Spirals => "spirals",
            Self::Parity => "parity",
        }
    }

    pub(super) fn name(&self) -> Text {
        match self {
            Self::Own(own) => Text::of(&own.data.source, &own.data.source),
            Self::Digits => Text::new("handwritten digits", "dígitos manuscritos"),
            Self::Mnist1d => Text::new("MNIST-1D", "MNIST-1D"),
            Self::Spirals => Text::new("two spirals", "dos espirales"),
            Self::Parity => Text::new("parity of 4 bits", "paridad de 4 bits"),
        }
    }

    /// All of its samples.
    pub(super) fn data(&self) -> DataSpec {
        match self {
            Self::Digits => DataSpec::of("digits"),
            Self::Mnist1d => DataSpec::of("mnist1d"),
            Self::Spirals => DataSpec::of("spirals"),
            Self::Parity => DataSpec::of("parity:bits=4:inputs=16"),
            Self::Own(own) => own.data.clone(),
        }
    }

    /// Numbers of a sample.
    pub(super) fn inputs(&self) -> usize {
        match self {
            Self::Own(own) => own.seen.sample.iter().product(),
            Self::Digits => 64,
            Self::Mnist1d => 40,
            Self::Spirals => 2,
            Self::Parity => 16,
        }
    }

    /// The channels, height and width of its images; `None` if its samples are none.
    pub(super) fn image(&self) -> Option<[usize; 3]> {
        match self {
            Self::Digits => Some([1, 8, 8]),
            Self::Own(own) => own.seen.sample.as_slice().try_into().ok(),
            _ => None,
        }
    }

    pub(super) fn classes(&self) -> usize {
        match self {
            Self::Digits | Self::Mnist1d => 10,
            Self::Spirals | Self::Parity => 2,
            Self::Own(own) => own.seen.classes,
        }
    }
}
