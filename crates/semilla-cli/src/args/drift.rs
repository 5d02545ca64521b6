//! What was trained, and what it started from.

use std::path::PathBuf;

use clap::Args;

use crate::args::formats;
use crate::args::plan::PlanArgs;

/// What was trained, and what it started from.
#[derive(Args)]
pub(crate) struct DriftArgs {
    #[arg(value_name = "TRAINED", help = formats::weights("The trained weights: "))]
    pub(crate) trained: PathBuf,

    #[command(flatten)]
    pub(crate) plan: PlanArgs,

    /// Write the difference, trained less start, to this safetensors file
    #[arg(long, value_name = "FILE")]
    pub(crate) difference: Option<PathBuf>,

    /// Add the difference to the weights of this file, and write them to --output
    #[arg(long, value_name = "FILE", requires = "output")]
    pub(crate) apply_to: Option<PathBuf>,

    /// Multiply the difference that is added by this
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        requires = "apply_to",
        allow_negative_numbers = true
    )]
    pub(crate) scale: f64,

    /// The safetensors file that --apply-to writes
    #[arg(short, long, value_name = "FILE", requires = "apply_to")]
    pub(crate) output: Option<PathBuf>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla drift trained.safetensors model.onnx --recipe auto --seed 7
  semilla drift trained.safetensors --plan plan.json --difference task.safetensors
  semilla drift trained.pt trained.pt --scheme kaiming_normal --apply-to other.safetensors -o both.safetensors

The start is made again from the plan, so nothing of it needs to be stored. MODEL may be the trained
file itself. With --full, every tensor has a line of its own and --json lists every unit.";
