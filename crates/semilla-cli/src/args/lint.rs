//! What is looked over.

use std::path::PathBuf;

use clap::Args;

use crate::args::plan::PlanArgs;

/// What is looked over.
#[derive(Args)]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,

    /// Look over the weights of this file as well: tensors with the same bits
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla lint transformer:12x768:50257 --recipe llama
  semilla lint model.onnx --scheme 'kaiming_normal(mode=fan_out)'
  semilla lint model.safetensors --recipe mine.toml --json

A warning will likely hurt training; a note is true, but may be meant. Nothing is run: semilla check
does that, and has these findings too.";
