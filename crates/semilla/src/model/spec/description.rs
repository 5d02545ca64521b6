//! What a one-line description says.

use std::fmt;

use crate::activation::{Activation, ParseActivationError};
use crate::suggest::did_you_mean;

/// Why a description cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// No such kind of model.
    #[error(
        "{kind:?} is not a kind of model{hint}; write mlp:784-256-10:relu, \
         conv:3-32-64:10:relu, transformer:12x768:50257 or lstm:128-256:10"
    )]
    Kind {
        /// The kind asked for.
        kind: String,
        /// The nearest kind, in words.
        hint: String,
    },
    /// A part is missing, or there is one too many.
    #[error("{text:?} should be {form}")]
    Form {
        /// The description.
        text: String,
        /// How it is written.
        form: &'static str,
    },
    /// A size that is not a number, or out of bounds.
    #[error("{size:?} is not a size; write a whole number from 1 to {MAX_SIZE}")]
    Size {
        /// The text in its place.
        size: String,
    },
    /// Too many layers.
    #[error(
        "{layers} layers are more than {MAX_LAYERS}; describe larger models by a list of shapes"
    )]
    Layers {
        /// How many.
        layers: usize,
    },
    /// It has no width that could change, or not so much.
    #[error("{text:?} has no hidden width that can be {times} times as large")]
    Width {
        /// The description.
        text: String,
        /// The factor.
        times: usize,
    },
    /// No such activation.
    #[error(transparent)]
    Activation(#[from] ParseActivationError),
}

const MAX_SIZE: usize = 1 << 24;
const MAX_LAYERS: usize = 1000;
const KINDS: [&str; 4] = ["mlp", "conv", "transformer", "lstm"];

/// A model as one line describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Description {
    Mlp {
        sizes: Vec<usize>,
        after: Activation,
    },
    Conv {
        channels: Vec<usize>,
        outputs: usize,
        after: Activation,
    },
    Transformer {
        layers: usize,
        width: usize,
        vocabulary: usize,
        after: Activation,
    },
    Lstm {
        input: usize,
        hidden: usize,
        outputs: usize,
    },
}

/// Positions that a decoder knows.
pub(super) const POSITIONS: usize = 1024;
/// The width of a decoder's heads.
pub(super) const HEAD: usize = 64;

impl Description {
    /// Reads a description.
    pub(super) fn read(text: &str) -> Result<Self, SpecError> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(':').collect();
        match kind {
            "mlp" => mlp(text, &parts),
            "conv" => conv(text, &parts),
            "transformer" => transformer(text, &parts),
            "lstm" => lstm(text, &parts),
            _ => {
                let kind: String = kind.chars().take(40).collect();
                let hint = did_you_mean(&kind, KINDS.into_iter());
                Err(SpecError::Kind { kind, hint })
            }
        }
    }
}

impl Description {
    /// The same model with every hidden width so many times as large; sizes of inputs and outputs
    /// stay. `None` where the width would be out of bounds, or there is none.
    pub(super) fn widened(&self, times: usize) -> Option<Self> {
        let grown = |size: usize| {
            size.checked_mul(times)
                .filter(|size| (1..=MAX_SIZE).contains(size))
        };
        let mut wide = self.clone();
        match &mut wide {
            Description::Mlp { sizes, .. } => {
                let last = sizes.len() - 1;
                let hidden = sizes.get_mut(1..last).filter(|hidden| !hidden.is_empty())?;
                for size in hidden {
                    *size = grown(*size)?;
                }
            }
            Description::Conv { channels, .. } => {
                for size in &mut channels[1..] {
                    *size = grown(*size)?;
                }
            }
            Description::Transformer { width, .. } => {
                *width = grown(*width).filter(|width| *width <= MAX_SIZE / 4)?;
            }
            Description::Lstm { hidden, .. } => *hidden = grown(*hidden)?,
        }
        Some(wide)
    }

    /// The first hidden width.
    pub(super) fn width(&self) -> usize {
        match self {
            Description::Mlp { sizes, .. } => sizes[1],
            Description::Conv { channels, .. } => channels[1],
            Description::Transformer { width, .. } => *width,
            Description::Lstm { hidden, .. } => *hidden,
        }
    }
}

impl fmt::Display for Description {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |sizes: &[usize]| {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            sizes.join("-")
        };
        match self {
            Description::Mlp { sizes, after } => write!(f, "mlp:{}:{after}", row(sizes)),
            Description::Conv {
                channels,
                outputs,
                after,
            } => {
                write!(f, "conv:{}:{outputs}:{after}", row(channels))
            }
            Description::Transformer {
                layers,
                width,
                vocabulary,
                after,
            } => {
                write!(f, "transformer:{layers}x{width}:{vocabulary}:{after}")
            }
            Description::Lstm {
                input,
                hidden,
                outputs,
            } => {
                write!(f, "lstm:{input}-{hidden}:{outputs}")
            }
        }
    }
}

const MLP: &str = "mlp:IN-HIDDEN-...-OUT[:ACTIVATION], such as mlp:784-256-10:relu";
const CONV: &str = "conv:CHANNELS-...:OUTPUTS[:ACTIVATION], such as conv:3-32-64:10:relu";
const TRANSFORMER: &str = "transformer:LAYERSxWIDTH:VOCABULARY[:ACTIVATION] with a width divisible \
                           by 64, such as transformer:12x768:50257";
const LSTM: &str = "lstm:INPUT-HIDDEN:OUTPUTS, such as lstm:128-256:10";

fn form(text: &str, form: &'static str) -> SpecError {
    SpecError::Form {
        text: text.chars().take(80).collect(),
        form,
    }
}

fn size(text: &str) -> Result<usize, SpecError> {
    let parsed = text
        .parse()
        .ok()
        .filter(|size| (1..=MAX_SIZE).contains(size));
    parsed.ok_or_else(|| SpecError::Size {
        size: text.chars().take(40).collect(),
    })
}

fn sizes(text: &str) -> Result<Vec<usize>, SpecError> {
    let layers = text.split('-').count();
    if layers > MAX_LAYERS {
        return Err(SpecError::Layers { layers });
    }
    text.split('-').map(size).collect()
}

fn activation(part: Option<&&str>, default: Activation) -> Result<Activation, SpecError> {
    part.map_or(Ok(default), |text| Ok(text.parse()?))
}

fn mlp(text: &str, parts: &[&str]) -> Result<Description, SpecError> {
    let [sizes_part, rest @ ..] = parts else {
        return Err(form(text, MLP));
    };
    let sizes = sizes(sizes_part)?;
    if sizes.len() < 2 || rest.len() > 1 {
        return Err(form(text, MLP));
    }
    let after = activation(rest.first(), Activation::Relu)?;
    Ok(Description::Mlp { sizes, after })
}

fn conv(text: &str, parts: &[&str]) -> Result<Description, SpecError> {
    let [channels, outputs, rest @ ..] = parts else {
        return Err(form(text, CONV));
    };
    let channels = sizes(channels)?;
    if channels.len() < 2 || rest.len() > 1 {
        return Err(form(text, CONV));
    }
    let after = activation(rest.first(), Activation::Relu)?;
    Ok(Description::Conv {
        channels,
        outputs: size(outputs)?,
        after,
    })
}

fn transformer(text: &str, parts: &[&str]) -> Result<Description, SpecError> {
    let [shape, vocabulary, rest @ ..] = parts else {
        return Err(form(text, TRANSFORMER));
    };
    let Some((layers, width)) = shape.split_once('x') else {
        return Err(form(text, TRANSFORMER));
    };
    let (layers, width) = (size(layers)?, size(width)?);
    let vocabulary = size(vocabulary)?;
    let after = activation(rest.first(), Activation::Gelu)?;
    if rest.len() > 1 || width % HEAD != 0 || width > MAX_SIZE / 4 {
        return Err(form(text, TRANSFORMER));
    }
    match layers > MAX_LAYERS {
        true => Err(SpecError::Layers { layers }),
        false => Ok(Description::Transformer {
            layers,
            width,
            vocabulary,
            after,
        }),
    }
}

fn lstm(text: &str, parts: &[&str]) -> Result<Description, SpecError> {
    let [shape, outputs] = parts else {
        return Err(form(text, LSTM));
    };
    let &[input, hidden] = &*sizes(shape)? else {
        return Err(form(text, LSTM));
    };
    let outputs = size(outputs)?;
    Ok(Description::Lstm {
        input,
        hidden,
        outputs,
    })
}
