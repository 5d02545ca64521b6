//! Built-in texts: recipes, networks.

use serde::Serialize;

use crate::failure::Failure;
use crate::show::output::Output;

/// Prints a built-in text as it is written, to save and edit.
pub(crate) fn print(name: &str, toml: &str, output: &mut Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Written<'a> {
        name: &'a str,
        toml: &'a str,
    }
    match output.is_json() {
        true => output.json(&Written { name, toml }),
        false => output.line(format_args!("{}", toml.trim_end())),
    }
}
