//! The data that a network is run on.

use std::path::PathBuf;

use clap::Args;

/// The data that a network is run on.
#[derive(Args)]
pub(crate) struct BatchArgs {
    /// Samples of the batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) samples: u64,

    /// The size of an open axis, such as height=32; may be repeated
    #[arg(long, value_name = "AXIS=N", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,

    /// Inputs from a file (safetensors, .npy, .npz) by their names; noise without it
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
}

/// `AXIS=N`.
fn size(text: &str) -> Result<(String, usize), String> {
    let parsed = text.split_once('=').and_then(|(axis, size)| {
        let size = size.parse().ok().filter(|&size| size > 0)?;
        Some((axis.to_owned(), size))
    });
    parsed.ok_or_else(|| "write AXIS=N, such as height=32".to_owned())
}
