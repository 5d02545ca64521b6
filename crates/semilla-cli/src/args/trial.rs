//! The trials that are run.

use std::path::PathBuf;

use clap::Args;

/// The trials that are run.
#[derive(Args)]
pub(crate) struct TrialArgs {
    /// Trials as JSON, one after the other; - reads them from standard input
    #[arg(value_name = "TRIAL.json")]
    pub(crate) trials: PathBuf,

    /// Trainings at the same time; as many as cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

pub(crate) const EXAMPLES: &str = "\
Example:
  echo '{\"model\": \"mlp:64-32-10:relu\", \"recipe\": \"auto\", \"data\": {\"source\": \"digits\"},
    \"optimizer\": \"momentum\", \"rate\": 0.05, \"steps\": 300}' | semilla trial -

With --json each outcome is a line, in the order of the trials; what comes of a trial is a function
of it alone. docs/compare.md lists the fields.";
