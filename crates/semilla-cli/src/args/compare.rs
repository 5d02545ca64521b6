//! What is compared, how it is trained, and where the report goes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use semilla_lab::{Decay, Grid};
use semilla_signal::{Loss, Optimizer};

/// What is compared, how it is trained, and where the report goes.
#[derive(Args)]
pub(crate) struct CompareArgs {
    /// A model that runs, as for check: an ONNX file, a network in TOML, or a description such as
    /// mlp:64-32-10:relu [default: a small network on handwritten digits, few of them labelled]
    #[arg(value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// What trainings start from: recipes, initializers such as kaiming_normal, TOML files [default:
    /// zeros, too small, too large, random, Xavier, He, orthogonal, and what recommend says]
    #[arg(long, value_name = "NAME,...", value_parser = recipes)]
    pub(crate) recipes: Option<Names>,

    #[command(flatten)]
    pub(crate) data: TrainedOn,

    #[command(flatten)]
    pub(crate) training: HowTrained,

    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,

    /// Write the report here: one file for the browser
    #[arg(short, long, value_name = "OUT.html")]
    pub(crate) output: Option<PathBuf>,

    /// Write every training as a row of a table here
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) csv: Option<PathBuf>,

    /// Keep every training here as it ends: after an interruption, even a power cut, the same
    /// command goes on from there; a later comparison of the same model and data uses them too
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,

    /// Where trainings run: this machine, or an existing Ray cluster
    #[arg(long, value_enum, default_value_t = EngineName::Local)]
    pub(crate) engine: EngineName,

    /// Trainings at the same time; as many as cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// Where trainings run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// The cores of this machine
    Local,
    /// Tasks of a Ray cluster, through Python's `ray` package (RAY_ADDRESS, or a local one)
    Ray,
}

/// The data that a model is trained on.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct TrainedOn {
    /// digits, spirals, parity, mnist1d, or a path: arrays, images, CSV, Parquet, text, MNIST's
    /// idx
    #[arg(long, value_name = "NAME|PATH", default_value = "digits")]
    pub(crate) data: String,

    /// The array or the column that holds the labels, if its name does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) labels: Option<String>,

    /// The tokenizer.json that makes tokens of a text [default: each byte is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<String>,

    /// Take these classes only; they become 0, 1, ...
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub(crate) classes: Vec<u32>,

    /// Train on so many samples at most, the classes in turns: few labels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) samples: Option<u64>,

    /// Also start from a trunk that was trained on these classes, all of their samples, with a new
    /// head
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub(crate) trunk: Vec<u32>,

    /// The steps of that trunk's training [default: those of the others]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) trunk_steps: Option<u64>,
}

/// How each network is trained.
#[derive(Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct HowTrained {
    /// cross-entropy, next-token or mse [default: what suits the labels]
    #[arg(long, value_name = "LOSS")]
    pub(crate) loss: Option<Loss>,

    /// sgd, momentum, adam or adamw
    #[arg(long, value_name = "NAME", default_value = "momentum")]
    pub(crate) optimizer: Optimizer,

    /// The steps of each training
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) steps: u64,

    /// The samples of a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) batch: u64,

    /// Steps in which the learning rate grows
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) warmup: u64,

    /// How the learning rate falls after that
    #[arg(long, value_enum, default_value_t = DecayName::Constant)]
    pub(crate) decay: DecayName,

    /// The weight decay
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    pub(crate) weight_decay: f64,
}

/// How a learning rate falls.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DecayName {
    /// Not at all
    Constant,
    /// Along a half period of a cosine to 0
    Cosine,
    /// On a line to 0
    Linear,
}

impl From<DecayName> for Decay {
    fn from(name: DecayName) -> Self {
        match name {
            DecayName::Constant => Self::Constant,
            DecayName::Cosine => Self::Cosine,
            DecayName::Linear => Self::Linear,
        }
    }
}

/// How starts are compared.
#[derive(Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct ProtocolArgs {
    /// Seeds whose test scores are compared, none of them used to choose a rate
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,

    /// Seeds with which each start's learning rate is chosen, on the validation set
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) tuning_seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// The first learning rates, by factors of 2; a start that is best at an end gets more [default:
    /// eight around the optimizer's usual rate]
    #[arg(long, value_name = "LOW..HIGH", value_parser = rates)]
    pub(crate) rates: Option<Grid>,

    /// The smallest difference that matters [default: 0.01 of accuracy, or 1 % of the loss of an
    /// output of zeros]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub(crate) difference: Option<f64>,

    /// Leave out starts that theory calls hopeless, and rates that are clearly worse after a quarter
    /// of the steps; what is left out is reported
    #[arg(long)]
    pub(crate) prune: bool,

    /// Take at most so many steps in all; the report says what is missing, and a larger budget goes
    /// on from the store
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
}

/// Names of starts.
#[derive(Clone)]
pub(crate) struct Names(pub(crate) Vec<String>);

/// Names with commas between them, but for commas within parentheses.
fn recipes(text: &str) -> Result<Names, String> {
    let (mut names, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match names.last_mut() {
            Some(name) if c != ',' || depth > 0 => name.push(c),
            _ => names.push(String::new()),
        }
    }
    match names.iter().any(|name| name.trim().is_empty()) {
        true => Err("write names with commas between them, such as he,xavier,auto".to_owned()),
        false => Ok(Names(
            names.iter().map(|name| name.trim().to_owned()).collect(),
        )),
    }
}

/// Factors of 2 between the first rates, at most: 1e-6..1e3 are fewer.
const WIDEST: f64 = 40.0;

/// `LOW..HIGH` as at least six rates at factors of at most 2.
fn rates(text: &str) -> Result<Grid, String> {
    let number = |text: &str| positive(text).ok();
    let ends = text
        .split_once("..")
        .and_then(|(low, high)| number(low).zip(number(high)));
    let (low, high) = ends
        .filter(|(low, high)| low < high)
        .ok_or("write LOW..HIGH, such as 0.001..0.1")?;
    let octaves = high.log2() - low.log2();
    if octaves > WIDEST {
        return Err(format!(
            "more than {WIDEST} factors of 2; give a narrower range"
        ));
    }
    let steps = (octaves - 1e-9).ceil().max(5.0);
    Ok(Grid {
        first: low,
        factor: (octaves / steps).exp2(),
        count: steps as usize + 1,
        extension: 4,
    })
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "write a positive number, such as 0.01".to_owned())
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  Why first weights matter, in under a minute, with a report for the browser:
    semilla compare -o report.html
  Two starts of a network of yours, on data of yours:
    semilla compare mlp:784-128-128-10:relu --data train-images-idx3-ubyte.gz --recipes he,xavier
  A transformer on a text, with more seeds, resumable:
    semilla compare transformer:2x64:256 --data text.txt --recipes gpt2,auto --optimizer adamw \\
      --seeds 20 --store runs.store -o report.html
  All numbers:
    semilla compare mlp:64-32-10:tanh --json > comparison.json

The default verdict is that there is no evidence of a difference. docs/compare.md says how it is
found.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_at_least_six_and_close() {
        let grid = rates("0.001..0.1").unwrap();
        assert_eq!((grid.count, grid.rate(0), grid.rate(7)), (8, 0.001, 0.1));
        assert!(grid.factor <= 2.0);
        let narrow = rates("0.1..0.2").unwrap();
        assert_eq!((narrow.count, narrow.rate(5)), (6, 0.2));
        for wrong in [
            "0.1",
            "0.1..",
            "0.2..0.1",
            "0..1",
            "a..b",
            "0.1..inf",
            "1e-300..1e300",
        ] {
            assert!(rates(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_have_parameters() {
        let Names(names) = recipes("he, normal(mean=0,std=0.1),x.toml").unwrap();
        assert_eq!(names, ["he", "normal(mean=0,std=0.1)", "x.toml"]);
        assert!(recipes("he,").is_err() && recipes("").is_err());
    }
}
