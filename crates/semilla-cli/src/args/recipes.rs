//! Which recipe is shown.

use clap::Args;
use clap::builder::PossibleValuesParser;
use semilla::Recipe;

/// Which recipe is shown.
#[derive(Args)]
pub(crate) struct RecipesArgs {
    /// Print this recipe's TOML, to save and edit; without a name, list all
    #[arg(value_name = "NAME", value_parser = names(), hide_possible_values = true)]
    pub(crate) name: Option<String>,
}

/// The recipes, and the rules that `defaults = true` appends.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Recipe::NAMES.iter().copied().chain(["defaults"]))
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla recipes
  semilla recipes gpt2 > mine.toml
  semilla init model.safetensors --recipe mine.toml -o fresh.safetensors

A recipe that only changes a little starts with extends = \"gpt2\", and its own rules come first.";
