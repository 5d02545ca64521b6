use semilla::network::Network;
use semilla_checkpoint::ops::DescribeError;

use crate::args::networks::NetworksArgs;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::{networks, toml};

/// `semilla networks`: the built-in networks, or the text of one.
pub(crate) fn run(args: &NetworksArgs, output: &mut Output) -> Result<(), Failure> {
    match args.name.as_deref() {
        None => networks::all(output),
        Some(name) => {
            let (text, _) = Network::toml(name).map_err(DescribeError::from)?;
            toml::print(name, text, output)
        }
    }
}
