//! The MODEL argument and the facts about it that the user states.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use semilla::DType;
use semilla::model::Convention;

use crate::args::formats::WEIGHTS;

/// The model that is planned.
#[derive(Args)]
pub(crate) struct ModelArgs {
    #[arg(value_name = "MODEL", required_unless_present = "plan", help = format!(
        "A file of weights ({WEIGHTS}), a folder of shards with its index, transformers' \
         config.json, a JSON list of shapes, a network in TOML, or the name of one with its \
         parameters, such as mlp:784-256-10:relu or resnet:depth=18"
    ))]
    pub(crate) model: Option<String>,

    /// How the model stores its weights, if its format and its names do not say
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub(crate) layout: Option<Stored>,

    /// The model's config.json, which says what its tensors are [default: the one beside the weights]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Write floating-point tensors in this type: f64, f32, f16, bf16, f8e4m3fn, f8e5m2
    #[arg(long, value_name = "DTYPE")]
    pub(crate) dtype: Option<DType>,
}

/// The framework whose way of storing weights is followed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Stored {
    /// [out, in] and [out, in, kernel...]: PyTorch, transformers, timm
    Pytorch,
    /// [in, out] and [kernel..., in, out], Keras names
    Keras,
    /// [in, out] and [kernel..., in, out], Flax names
    Jax,
}

impl From<Stored> for Convention {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Pytorch => Convention::Pytorch,
            Stored::Keras => Convention::Keras,
            Stored::Jax => Convention::Jax,
        }
    }
}
