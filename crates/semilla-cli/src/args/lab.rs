//! Where the lab is served.

use clap::Args;

/// Where the lab is served.
#[derive(Args)]
pub(crate) struct LabArgs {
    /// The port on this machine; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 7333)]
    pub(crate) port: u16,

    /// Also offer data of your own: what compare reads, with classes
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,

    /// The array or the column that holds their labels, if its name does not say
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) labels: Option<String>,

    /// Do not open the browser; only say the address
    #[arg(long)]
    pub(crate) no_open: bool,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  semilla lab
  semilla lab --data flowers.csv --labels species
  semilla lab --port 0 --no-open

It is served to this machine only, and asks nothing of the network. Ctrl-C ends it.";
