//! The data that a model is run on.

use std::path::{Path, PathBuf};

use clap::Args;
use semilla_data::Normalize;

/// The data that a model is run on.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// Data for the inputs: .npy, .npz, safetensors, CSV, Parquet, text, MNIST's idx, or a folder of
    /// images; or noise: standard normal numbers, random words
    #[arg(long, value_name = "FILE|FOLDER|noise")]
    pub(crate) data: Option<PathBuf>,

    /// Samples of the batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) samples: u64,

    /// The size of an open axis or of a network's parameter, such as height=32; may be repeated
    #[arg(long, value_name = "AXIS=N", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,

    /// Centre and scale the data: none, data (by their own mean and deviation), imagenet, or
    /// MEAN/STD such as 0.5/0.25 [default: imagenet for pixels in 3 channels, 0.5/0.5 for other
    /// pixels, none for other numbers]
    #[arg(long, value_name = "HOW")]
    pub(crate) normalize: Option<Normalize>,

    /// The array or the column that holds the labels, if its name does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) labels: Option<String>,

    /// The tokenizer.json that makes tokens of a text [default: each byte is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,
}

impl DataArgs {
    /// The path of the data; `None` where they are noise.
    pub(crate) fn path(&self) -> Option<&Path> {
        let path = self.data.as_deref()?;
        let is_noise = path == Path::new("noise") && !path.exists();
        (!is_noise).then_some(path)
    }
}

/// `AXIS=N`.
fn size(text: &str) -> Result<(String, usize), String> {
    let parsed = text.split_once('=').and_then(|(axis, size)| {
        let size = size.parse().ok().filter(|&size| size > 0)?;
        Some((axis.to_owned(), size))
    });
    parsed.ok_or_else(|| "write AXIS=N, such as height=32".to_owned())
}
