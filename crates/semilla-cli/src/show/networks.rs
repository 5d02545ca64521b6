//! The built-in networks.

use semilla::network::{About, Network};
use semilla_checkpoint::ops::DescribeError;
use serde::Serialize;

use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::table::Table;

/// A network in the list.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    about: String,
    /// Parameters with their defaults.
    parameters: Vec<String>,
    /// The values of `size`, where it has it.
    sizes: Vec<String>,
}

/// Prints a line for each network.
pub(crate) fn all(output: &mut Output) -> Result<(), Failure> {
    let mut entries = Vec::new();
    for &name in Network::NAMES {
        let about = Network::toml(name).and_then(|(text, _)| About::read(text));
        let about = about.map_err(DescribeError::from)?;
        let parameters = about.parameters.into_iter();
        entries.push(Entry {
            name,
            about: about.about,
            parameters: parameters
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            sizes: about.sizes,
        });
    }
    if output.is_json() {
        return output.json(&entries);
    }
    let mut table = Table::new(["network", "is", "parameters"]);
    for entry in entries {
        let sizes = match &*entry.sizes {
            [] => String::new(),
            sizes => format!("; sizes: {}", sizes.join(", ")),
        };
        let parameters = format!("{}{sizes}", entry.parameters.join(" "));
        table.row([entry.name.to_owned(), entry.about, parameters]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "semilla check NAME:PARAMETER=VALUE:... runs one; semilla networks NAME prints its TOML, to \
         save as a file and edit"
    ))
}
