//! The `semilla` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(semilla_cli::run(std::env::args_os()))
}
