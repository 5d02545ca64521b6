//! What is run, and on which data.

use std::path::PathBuf;

use clap::Args;

use crate::args::plan::PlanArgs;

/// What is run, and on which data.
#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,

    /// Take the weights of this file instead of planning them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipe", "scheme", "plan", "seed", "seeds", "from"])]
    pub(crate) weights: Option<PathBuf>,

    /// Seeds of the weights: as many networks are measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,

    /// Samples of the batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) samples: u64,

    /// The size of an open axis, such as height=32; may be repeated
    #[arg(long, value_name = "AXIS=N", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,

    /// Inputs from a file (safetensors, .npy, .npz) by their names; noise without it
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// Also write a page with charts, the network as a drawing, and every layer: one file for the
    /// browser
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
}

/// `AXIS=N`.
fn size(text: &str) -> Result<(String, usize), String> {
    let parsed = text.split_once('=').and_then(|(axis, size)| {
        let size = size.parse().ok().filter(|&size| size > 0)?;
        Some((axis.to_owned(), size))
    });
    parsed.ok_or_else(|| "write AXIS=N, such as height=32".to_owned())
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla check mlp:64-64-64-64-64-64-64-64-10:tanh
  semilla check model.onnx --recipe pytorch --size height=64 --size width=64
  semilla check model.onnx --weights trained.safetensors --data batch.npz --json
  semilla check model.onnx --html report.html

The model needs a computation: an ONNX file, or a description in one line.";
