//! The choices that make a plan.

use std::path::PathBuf;

use clap::Args;
use semilla::Tie;

use crate::args::data::DataArgs;
use crate::args::model::ModelArgs;
use crate::args::transfer::TransferArgs;

/// The choices that make a plan.
#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// A recipe by name, or a TOML file [default: auto; of a config.json alone, transformers]
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "scheme")]
    pub(crate) recipe: Option<String>,

    /// One initializer for every weight matrix, such as kaiming_normal; biases 0, norms 1
    #[arg(long, value_name = "NAME")]
    pub(crate) scheme: Option<String>,

    /// Refuse what is only inferred of a tensor: list it, with the rule that would state it
    #[arg(long)]
    pub(crate) strict: bool,

    /// The seed of every weight
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Give a tensor the bytes of another, such as lm_head.weight=model.embed_tokens.weight; may be
    /// repeated
    #[arg(long, value_name = "NAME=OTHER", value_parser = tie)]
    pub(crate) tie: Vec<Tie>,

    /// Carry out this saved plan instead of making one
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "recipe", "scheme", "strict", "seed", "config", "dtype", "tie", "from", "from_layout", "strip", "add", "rename", "exclude", "must_load",
        "may_miss", "adapt", "depth", "min_coverage",
    ])]
    pub(crate) plan: Option<PathBuf>,

    /// Print every tensor on a line of its own
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}

impl PlanArgs {
    /// The files that these options name, of whatever kind.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = [&self.model.model, &self.recipe].into_iter().flatten();
        let named = named.map(PathBuf::from).chain(self.plan.clone());
        named
            .chain(self.model.config.clone())
            .chain(self.transfer.from.clone())
            .filter(|path| path.is_file())
    }
}

/// `NAME=OTHER`.
fn tie(text: &str) -> Result<Tie, String> {
    let parts = text
        .split_once('=')
        .filter(|(name, to)| !name.is_empty() && !to.is_empty());
    let (name, to) = parts.ok_or("write NAME=OTHER, such as lm_head.weight=embed_tokens.weight")?;
    Ok((name.to_owned(), to.to_owned()).into())
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla plan transformer:12x768:50257 --recipe gpt2
  semilla plan model.safetensors --scheme kaiming_normal
  semilla plan model.json --from trunk.onnx --add backbone. --may-miss 'head.*'
  semilla plan shapes.json --recipe my.toml --json > plan.json

Tensors whose names differ in numbers only share a line, unless --full is given.";
