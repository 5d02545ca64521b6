//! Where the weights go, and how.

use std::path::PathBuf;

use clap::Args;
use semilla::Recipe;
use semilla_checkpoint::{ByteSize, Share};

use crate::args::plan::PlanArgs;

/// Where the weights go, and how.
#[derive(Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,

    /// The safetensors file to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    pub(crate) output: PathBuf,

    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,

    /// Split files beyond this size, with the index that transformers reads, such as 5GB
    #[arg(long, value_name = "SIZE", conflicts_with = "shard")]
    pub(crate) max_shard_size: Option<ByteSize>,

    /// Write one rank's part only: a chunk of every tensor's first axis
    #[arg(
        long,
        value_name = "RANK/WORLD",
        default_value = "0/1",
        hide_default_value = true
    )]
    pub(crate) shard: Share,

    /// Write NaN and infinities, whether the checkpoint holds them or the conversion to --dtype
    /// creates them
    #[arg(long)]
    pub(crate) allow_non_finite: bool,

    /// Also write the plan with the hashes of its checkpoints: `--plan` then gives the same bytes
    /// or refuses
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  A small network, from a description:
    semilla init mlp:784-256-256-10:relu -o weights.safetensors
  Fresh weights for a model, from its own file, by the scheme of its paper:
    semilla init model.safetensors --recipe bert --seed 1 -o fresh.safetensors
  A large model from its list of shapes, in shards that transformers loads:
    semilla init examples/llama-3.2-1b.json --recipe llama --max-shard-size 1GB -o model.safetensors
  A model of transformers from its configuration, as the library itself starts it:
    semilla init config.json -o model.safetensors
  A classifier on a pretrained trunk; whatever does not load is an error or is listed:
    semilla init classifier.json --from trunk.pt --may-miss 'head.*' -o start.safetensors
  One rank's part of every tensor:
    semilla init shapes.json --shard 3/8 -o rank3.safetensors
  The bytes of a saved plan again:
    semilla init --plan plan.json -o again.safetensors";

/// Examples, and the names of the built-in recipes.
pub(crate) fn examples() -> String {
    let names = Recipe::NAMES.join(", ");
    format!(
        "{EXAMPLES}\n\nRecipes, auto being the default: {names}; or a TOML file. \
         `semilla recipes` says what they do."
    )
}
