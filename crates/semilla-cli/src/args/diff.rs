use std::path::PathBuf;

use clap::Args;

use crate::args::formats::WEIGHTS;

/// The two sides to compare.
#[derive(Args)]
pub(crate) struct DiffArgs {
    #[arg(value_name = "A", help = format!(
        "A file of weights ({WEIGHTS}), a folder of shards with its index, or a JSON list of shapes"
    ))]
    pub(crate) a: PathBuf,

    /// The file or folder to compare it with, of any of these formats
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla diff before.safetensors after.safetensors
  semilla diff model/ shapes.json

Exit codes: 0 the same, 1 different, 2 bad usage or input.";
