use clap::{Parser, Subcommand};

use crate::args::{
    check, compare, diff, drift, init, inspect, lab, lint, lora, networks, plan, recipes,
    recommend, trial,
};

/// First weights for neural networks: planned, reproducible on any machine, at memory speed.
///
/// Every weight is a pure function of (seed, tensor name, element index, initializer): the same
/// bits on any number of threads, shards and ranks.
#[derive(Parser)]
#[command(name = "semilla", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  semilla compare -o report.html
  semilla init mlp:784-256-10:relu -o weights.safetensors
  semilla plan model.safetensors --recipe bert
  semilla init shapes.json --recipe llama --dtype bf16 -o model.safetensors

Exit codes: 0 done, 1 a check failed, 2 bad usage or input.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write ready-to-load weights, and say what was done to each tensor and why
    #[command(after_help = init::examples())]
    Init {
        #[command(flatten)]
        args: init::InitArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say what would be written into each tensor and why; write nothing
    #[command(after_help = plan::EXAMPLES)]
    Plan {
        #[command(flatten)]
        args: plan::PlanArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Run the model forward and backward, and say whether its first weights let it train; exit 1
    /// when they do not
    #[command(after_help = check::EXAMPLES)]
    Check {
        #[command(flatten)]
        args: check::CheckArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say which first weights suit a model, and why; print them as a recipe to edit
    #[command(after_help = recommend::EXAMPLES)]
    Recommend {
        #[command(flatten)]
        args: recommend::RecommendArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Look for likely mistakes in a plan, without running the model; exit 1 when there are warnings
    #[command(after_help = lint::EXAMPLES)]
    Lint {
        #[command(flatten)]
        args: lint::LintArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Train a model from several starts, and say which is better, or that there is no evidence of a
    /// difference
    #[command(after_help = compare::EXAMPLES)]
    Compare {
        #[command(flatten)]
        args: Box<compare::CompareArgs>,
        #[command(flatten)]
        form: Form,
    },
    /// Train what a small JSON describes; whatever machine does it, the same comes of it
    #[command(after_help = trial::EXAMPLES)]
    Trial {
        #[command(flatten)]
        args: trial::TrialArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say what each tensor of a file looks like, and which initializer it is consistent with
    #[command(after_help = inspect::EXAMPLES)]
    Inspect {
        #[command(flatten)]
        args: inspect::InspectArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Compare two files of weights by name and content; exit 1 when they differ
    #[command(after_help = diff::EXAMPLES)]
    Diff {
        #[command(flatten)]
        args: diff::DiffArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say what training did to weights: how far tensors and units moved from their start, which the
    /// plan makes again
    #[command(after_help = drift::EXAMPLES)]
    Drift {
        #[command(flatten)]
        args: drift::DriftArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Write the first factors of LoRA adapters, computed from a base's weights
    #[command(after_help = lora::EXAMPLES)]
    Lora {
        #[command(flatten)]
        args: lora::LoraArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Open the lab in the browser: choose a network and how it may start, and watch it train
    #[command(after_help = lab::EXAMPLES)]
    Lab {
        #[command(flatten)]
        args: lab::LabArgs,
    },
    /// List the built-in recipes, or print one to save and edit
    #[command(after_help = recipes::EXAMPLES)]
    Recipes {
        #[command(flatten)]
        args: recipes::RecipesArgs,
        #[command(flatten)]
        form: Form,
    },
    /// List the built-in networks, or print one to save and edit
    #[command(after_help = networks::EXAMPLES)]
    Networks {
        #[command(flatten)]
        args: networks::NetworksArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Print a shell's completions
    #[command(
        after_help = "Example:\n  semilla completions bash > ~/.local/share/bash-completion/completions/semilla"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How the result is printed.
#[derive(clap::Args)]
pub(crate) struct Form {
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
