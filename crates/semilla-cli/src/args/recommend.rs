//! The model that weights are recommended for, and the data that it is run on.

use std::path::PathBuf;

use clap::Args;

use crate::args::data::DataArgs;

/// The model that weights are recommended for, and the data that it is run on.
#[derive(Args)]
pub(crate) struct RecommendArgs {
    /// A model that runs, as for check: an ONNX file, or a description such as mlp:784-256-10:relu
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,

    /// The model's config.json, which says what its tensors are [default: the one beside the file]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// The first seed of weights and noise
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Seeds of the weights: as many networks are measured per candidate
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,

    /// Write the recipe here instead of printing it
    #[arg(short, long, value_name = "OUT.toml")]
    pub(crate) output: Option<PathBuf>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla recommend mlp:784-64-64-64-64-64-64-64-64-10:gelu
  semilla recommend model.onnx --data batch.npz -o start.toml
  semilla init model.onnx --recipe start.toml -o weights.safetensors

The recipe states every tensor by itself, ready to be edited.";
