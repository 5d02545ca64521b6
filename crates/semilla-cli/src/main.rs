//! The `semilla` command.
//!
//! Exit codes: 0 done; 1 a check failed; 2 bad usage or input.

mod compare;
mod coverage;
mod diff;
mod failure;
mod findings;
mod init;
mod inspect;
mod lora;
mod model;
mod output;
mod plan;
mod progress;
mod ranges;
mod rows;
mod show;
mod table;
mod ties;
mod transfer;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;
use output::Output;

/// First weights for neural networks: planned, reproducible on any machine, at memory speed.
///
/// Every weight is a pure function of (seed, tensor name, element index, initializer): the same bits on any
/// number of threads, shards and ranks.
#[derive(Parser)]
#[command(name = "semilla", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  semilla init mlp:784-256-10:relu -o weights.safetensors
  semilla plan model.safetensors --recipe bert
  semilla init shapes.json --recipe llama --dtype bf16 -o model.safetensors

Exit codes: 0 done, 1 a check failed, 2 bad usage or input.";

const INIT_EXAMPLES: &str = "\
Examples:
  A small network, from a description:
    semilla init mlp:784-256-256-10:relu -o weights.safetensors
  A model anew, from its own file, by the scheme of its paper:
    semilla init model.safetensors --recipe bert --seed 1 -o fresh.safetensors
  A large model from its list of shapes, in shards that transformers loads:
    semilla init examples/llama-3.2-1b.json --recipe llama --max-shard-size 1GB -o model.safetensors
  A classifier on a pretrained trunk; whatever does not load is an error or is listed:
    semilla init classifier.json --from trunk.pt --may-miss 'head.*' -o start.safetensors
  One rank's part of every tensor:
    semilla init shapes.json --shard 3/8 -o rank3.safetensors
  The bytes of a saved plan again:
    semilla init --plan plan.json -o again.safetensors

Recipes: auto (the default), pytorch, keras, jax, gpt2, llama, llama-hf, bert, bert-hf, vit, vit-jax, vit-moco, resnet,
mup, deepnorm, fixup, t-fixup, or a TOML file.";

const PLAN_EXAMPLES: &str = "\
Examples:
  semilla plan transformer:12x768:50257 --recipe gpt2
  semilla plan model.safetensors --scheme kaiming_normal
  semilla plan model.json --from trunk.onnx --add backbone. --may-miss 'head.*'
  semilla plan shapes.json --recipe my.toml --json > plan.json";

const INSPECT_EXAMPLES: &str = "\
Examples:
  semilla inspect model.safetensors
  semilla inspect folder/ --json

A match means: a law whose parameters follow from a formula at the tensor's shape, not rejected at p = 0.001 by its mean,
its variance or its shape (Kolmogorov-Smirnov).";

const DIFF_EXAMPLES: &str = "\
Examples:
  semilla diff before.safetensors after.safetensors
  semilla diff model/ shapes.json

Exit codes: 0 the same, 1 different, 2 bad usage or input.";

const LORA_EXAMPLES: &str = "\
Examples:
  The default adapter of a model's query and value matrices; it changes nothing until it is trained:
    semilla lora model.safetensors -o adapter
  PiSSA of every feed-forward matrix, with the base that goes with it:
    semilla lora model/ --init pissa --rank 16 --alpha 16 --target '*.mlp.*_proj' -o adapter
  For a model that wraps the checkpoint's modules (GPT-2's file in GPT2LMHeadModel):
    semilla lora gpt2.safetensors --prefix transformer. -o adapter

Written are adapter_model.safetensors and adapter_config.json, as peft reads them; for pissa and olora also
base.safetensors, the base less what the adapter holds, which must be loaded in the base's place.

Exit codes: 0 done, 2 bad usage or input.";

#[derive(Subcommand)]
enum Command {
    /// Write ready-to-load weights, and say what was done to each tensor and why
    #[command(after_help = INIT_EXAMPLES)]
    Init {
        #[command(flatten)]
        args: init::InitArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say what would be written into each tensor and why; write nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan {
        #[command(flatten)]
        args: plan::PlanArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Say what each tensor of a file looks like, and which initializer it is consistent with
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect {
        #[command(flatten)]
        args: inspect::InspectArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Compare two files of weights by name and content; exit 1 when they differ
    #[command(after_help = DIFF_EXAMPLES)]
    Diff {
        #[command(flatten)]
        args: diff::DiffArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Write the first factors of LoRA adapters, computed from a base's weights
    #[command(after_help = LORA_EXAMPLES)]
    Lora {
        #[command(flatten)]
        args: lora::LoraArgs,
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

/// The form of what is printed.
#[derive(clap::Args)]
struct Form {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = std::panic::catch_unwind(|| run(cli)).unwrap_or_else(|_| Ok(ExitCode::from(101)));
    match result {
        Ok(code) => code,
        // A reader that has seen enough is not an error.
        Err(Failure::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            anstream::eprintln!("{RED}error:{RED:#} {failure}");
            ExitCode::from(2)
        }
    }
}

const RED: anstyle::Style = anstyle::Style::new()
    .bold()
    .fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Red)));

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Init { args, form } => {
            init::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Plan { args, form } => plan::run(&args, &mut Output::new(form.json))?,
        Command::Inspect { args, form } => inspect::run(&args, &mut Output::new(form.json))?,
        Command::Diff { args, form } => {
            if !diff::run(&args, &mut Output::new(form.json))? {
                return Ok(ExitCode::from(1));
            }
        }
        Command::Lora { args, form } => {
            lora::run(&args, &mut Output::new(form.json), &interrupted())?;
        }
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "semilla",
                &mut std::io::stdout(),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A flag that is set when the user interrupts, so that unfinished files are removed on the way out.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    // Without a handler an interrupt still ends the command; it leaves a .partial file behind.
    let _ = ctrlc::set_handler(move || set.store(true, Ordering::Relaxed));
    flag
}
