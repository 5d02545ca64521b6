//! What is run, and on which data.

use std::path::PathBuf;

use clap::Args;

use crate::args::plan::PlanArgs;
use crate::args::training::TrainingArgs;

/// What is run, and on which data.
#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,

    #[command(flatten)]
    pub(crate) training: TrainingArgs,

    /// Take the weights of this file instead of planning them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipe", "scheme", "plan", "seed", "seeds", "from"])]
    pub(crate) weights: Option<PathBuf>,

    /// MODEL is a file of recorded activations and gradients, not a model: tensors named
    /// NUMBER:LAYER:KIND, as docs/check.md describes
    #[arg(long, conflicts_with_all = ["recipe", "scheme", "plan", "seed", "seeds", "from", "weights", "data", "size", "html", "spectra", "loss", "optimizer", "lr"])]
    pub(crate) recorded: bool,

    /// Seeds of the weights: as many networks are measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,

    /// Singular values as well: of the Jacobian along the main path, of what layers make, of their
    /// weights, of the tangent kernel
    #[arg(long)]
    pub(crate) spectra: bool,

    /// Also write a page with charts, the network as a drawing, and every layer: one file for the
    /// browser
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla check mlp:64-64-64-64-64-64-64-64-10:tanh
  semilla check resnet:depth=18:norm=none
  semilla check net.toml:depth=12
  semilla check model.onnx --recipe pytorch --size height=64 --size width=64
  semilla check model.onnx --weights trained.safetensors --data batch.npz --json
  semilla check mlp:784-256-256-10 --data train-images-idx3-ubyte.gz --loss cross-entropy
  semilla check transformer:2x64:256 --recipe lsuv --data text.txt --size length=64
  semilla check mlp:64-64-64-10 --recipe mup --mup
  semilla check model.onnx --html report.html

The model needs a computation: an ONNX file, a network in TOML, or the name of one
(semilla networks).";
