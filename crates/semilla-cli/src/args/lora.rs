use std::path::PathBuf;

use clap::Args;
use semilla::lora::LoraInit;

use crate::args::formats;
use crate::args::model::Stored;

/// Which matrices get which factors.
#[derive(Args)]
pub(crate) struct LoraArgs {
    #[arg(value_name = "BASE", help = formats::weights("The base: "))]
    pub(crate) base: PathBuf,

    /// The folder to write, made if it is not there; with --merge the safetensors file
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,

    /// Write the base with this adapter of peft in it instead: W + scaling · B A in each adapted
    /// weight's place
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["init", "rank", "alpha", "rslora", "target", "prefix", "seed", "layout"]
    )]
    pub(crate) merge: Option<PathBuf>,

    /// The first factors: true (A uniform, B zero), gaussian, orthogonal, pissa, olora or mica, as
    /// peft names them
    #[arg(long, default_value = "true", value_name = "NAME")]
    pub(crate) init: LoraInit,

    /// The rank of every adapter; the default is peft's
    #[arg(short, long, default_value_t = 8, value_name = "R")]
    pub(crate) rank: usize,

    /// An adapter is multiplied by alpha / rank; the default is peft's
    #[arg(long, default_value_t = 8, value_name = "ALPHA")]
    pub(crate) alpha: u32,

    /// Multiply by alpha / √rank instead
    #[arg(long)]
    pub(crate) rslora: bool,

    /// The matrices, by their tensors' or modules' names; may be repeated [default: attention's
    /// query and value, or all three in one]
    #[arg(long, value_name = "GLOB")]
    pub(crate) target: Vec<String>,

    /// Put this before modules' names, where the model has them inside a different module
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "PREFIX"
    )]
    pub(crate) prefix: String,

    /// The seed of what is random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// How the base stores its weights, if its format and its names do not say
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub(crate) layout: Option<Stored>,

    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  The default adapter of a model's query and value matrices; it changes nothing until it is trained:
    semilla lora model.safetensors -o adapter
  PiSSA of every feed-forward matrix, with the base that goes with it:
    semilla lora model/ --init pissa --rank 16 --alpha 16 --target '*.mlp.*_proj' -o adapter
  For a model that wraps the checkpoint's modules (GPT-2's file in GPT2LMHeadModel):
    semilla lora gpt2.safetensors --prefix transformer. -o adapter
  A trained adapter merged into its base, as peft's merge_and_unload() does it:
    semilla lora model/ --merge adapter -o merged.safetensors

Written are adapter_model.safetensors and adapter_config.json, as peft reads them; for pissa and olora also
base.safetensors, the base less what the adapter holds, which must be loaded in the base's place.

Exit codes: 0 done, 2 bad usage or input.";
