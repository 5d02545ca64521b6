//! Which network is shown.

use clap::Args;
use clap::builder::PossibleValuesParser;
use semilla::network::Network;

/// Which network is shown.
#[derive(Args)]
pub(crate) struct NetworksArgs {
    /// Print this network's TOML, to save and edit; without a name, list all
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(Network::NAMES), hide_possible_values = true)]
    pub(crate) name: Option<String>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla networks
  semilla check resnet:depth=18
  semilla networks resnet > mine.toml
  semilla check mine.toml:depth=50";
