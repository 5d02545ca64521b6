use std::path::PathBuf;

use clap::Args;

use crate::args::formats;
use crate::args::model::Stored;

/// The file to inspect, and how.
#[derive(Args)]
pub(crate) struct InspectArgs {
    #[arg(value_name = "FILE", help = formats::weights(""))]
    pub(crate) file: PathBuf,

    /// How the file stores its weights, if its format and its names do not say
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub(crate) layout: Option<Stored>,

    /// Print every tensor on a line of its own
    #[arg(long)]
    pub(crate) full: bool,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla inspect model.safetensors
  semilla inspect folder/ --full
  semilla inspect model.onnx --json

Tensors that look alike and have names that differ in numbers only share a line, unless --full is
given.

A match: a law whose parameters follow from a formula at the tensor's shape, not rejected at
p = 0.001 by its mean, its variance or its shape (Kolmogorov-Smirnov).";
