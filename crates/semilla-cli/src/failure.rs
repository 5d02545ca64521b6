//! Everything that ends a command early: one sentence each, exit code 2.

use std::path::PathBuf;

use semilla::model::{MixedNames, SpecError};
use semilla::recipe::RecipeError;
use semilla::{DType, PlanError, TieError, TransferError};

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(
        "{0:?} is neither a file nor a description; give a file of weights, a folder of shards with its index, a JSON \
         list of shapes, or a line such as mlp:784-256-10:relu"
    )]
    NoModel(String),
    #[error("{}: {names}; give {option} pytorch, keras or jax", path.display())]
    Layout {
        path: PathBuf,
        option: &'static str,
        names: MixedNames,
    },
    #[error("--dtype {0} is an integer type; weights need f64, f32, f16, bf16, f8e4m3fn or f8e5m2")]
    IntegerDType(DType),
    #[error("cannot read {}: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: String },
    #[error("{} is not a plan: {problem}; make one with `semilla plan --json`", path.display())]
    PlanFile { path: PathBuf, problem: String },
    #[error("cannot start the threads: {0}; ask for fewer with --threads")]
    Threads(String),
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
    #[error("cannot print: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Checkpoint(#[from] semilla_checkpoint::Error),
    #[error("the plan does not make a file: {0}")]
    Tensors(#[from] semilla_checkpoint::Malformed),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Initializer(#[from] semilla::init::ParseInitializerError),
    #[error("{0}")]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Tie(#[from] TieError),
    #[error(
        "{name:?} is tied to {to:?}, but the checkpoints give them different values: {:?} and {:?} differ; exclude one \
         of them (--exclude), or do not tie them",
        tensors.0, tensors.1
    )]
    Untied {
        name: String,
        to: String,
        tensors: (String, String),
    },
    #[error(
        "{name:?} is tied to {to:?}, but the checkpoints give {tensor:?} for the first and nothing for the second; tie \
         {to:?} to {name:?} instead, or exclude {tensor:?}"
    )]
    TiedToNew {
        name: String,
        to: String,
        tensor: String,
    },
    #[error("cannot take weights from {0}: {1}")]
    Transfer(String, TransferError),
    #[error(
        "{path} does not say which rows are which: {problem}; give a JSON list of labels or of rows, a table from labels to rows, \
         a tokenizer.json, or a label per line"
    )]
    Labels { path: String, problem: String },
    #[error(
        "the recipe has [[pretrained]] tables of its own: --from can name the file of one that names none, and no other \
         transfer option goes with it"
    )]
    TwoTransfers,
    #[error(
        "a [[pretrained]] table of the recipe names no file: add from = \"...\" to it, or give --from"
    )]
    NoSource,
    #[error(
        "the checkpoint holds NaN or infinite values in {0}; nothing was written. Use another checkpoint, exclude them, or \
         give --allow-non-finite"
    )]
    NonFinite(String),
    #[error(
        "{path} is not the file that the plan was made for: its SHA-256 is {found}, the plan's {expected}; find that file, or \
         make the plan anew"
    )]
    Changed {
        path: String,
        expected: String,
        found: String,
    },
    #[error(transparent)]
    Targets(#[from] semilla::lora::TargetError),
    #[error(transparent)]
    Factors(#[from] semilla::lora::LoraError),
    #[error("{name}: {problem}")]
    Adapter {
        name: String,
        problem: semilla::lora::LoraError,
    },
    #[error(
        "the residual of {name} reaches {value:e}, which {dtype} does not hold; convert the base to a wider type first"
    )]
    Residual {
        name: String,
        value: f64,
        dtype: DType,
    },
    #[error("cannot make the folder {}: {problem}", path.display())]
    Folder {
        path: PathBuf,
        problem: std::io::Error,
    },
    #[error(
        "{} is the base itself, and the residual base would take its place; write to another folder", .0.display()
    )]
    OntoBase(PathBuf),
    #[error(
        "{} is read by this command, and what it writes would take its place; write to another file", .0.display()
    )]
    OntoInput(PathBuf),
    #[error("{} would be written twice; give --output and --lock different files", .0.display())]
    Twice(PathBuf),
    #[error(
        "{0} has finite values beyond the range of the type that they are written in; nothing was written. Use another --dtype, or \
         give --allow-non-finite"
    )]
    Overflow(String),
    #[error("the plan keeps values of the file that it was locked with; give that file as MODEL")]
    NothingKept,
}
