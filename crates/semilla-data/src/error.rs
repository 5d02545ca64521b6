//! Why data cannot be taken.

use std::path::{Path, PathBuf};

use semilla::number::counted;
use semilla_signal::BatchError;

/// Why data cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or a folder cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
    /// A file of arrays cannot be read.
    #[error(transparent)]
    Arrays(#[from] semilla_checkpoint::Error),
    /// An image cannot be decoded.
    #[error("cannot decode the image {}; remove it or save it again", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: image::ImageError,
    },
    /// The content is not what its format asks for.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// A value is NaN or infinite.
    #[error(
        "{}: {what} has a NaN or infinite value in sample {sample} (counted from 0); clean the data",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The array or the column.
        what: String,
        /// The sample, of those that were taken.
        sample: usize,
    },
    /// The data's samples have a different shape than the input.
    #[error(
        "{}: a sample has the shape {found:?}, and the input {input:?} takes {wanted}",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The input.
        input: String,
        /// The shape of a sample of the data.
        found: Vec<usize>,
        /// That of the input, open sizes by their names.
        wanted: String,
    },
    /// Too few samples.
    #[error(
        "{}: it has {}, and {needed} {} needed",
        path.display(), counted(*found as u64, "sample", "samples"), if *needed == 1 { "is" } else { "are" }
    )]
    Few {
        /// The file.
        path: PathBuf,
        /// Those it has.
        found: usize,
        /// Those that are needed.
        needed: usize,
    },
    /// A token id that the model has no row for.
    #[error(
        "{}: the id {id} in sample {sample} is beyond the vocabulary of {vocabulary} words of the \
         input {input:?}; use the tokenizer of this model",
        path.display()
    )]
    Vocabulary {
        /// The file.
        path: PathBuf,
        /// The input.
        input: String,
        /// The id.
        id: i64,
        /// The sample, of those that were taken.
        sample: usize,
        /// The number of words.
        vocabulary: usize,
    },
    /// The data are of one kind, the input of another.
    #[error(
        "{}: it holds {found}, and the input {input:?} takes {wanted}",
        path.display()
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// The input.
        input: String,
        /// What the data are.
        found: &'static str,
        /// What the input takes.
        wanted: &'static str,
    },
    /// The model has several inputs, and the data are one array.
    #[error(
        "{}: the model has several inputs ({}); give an .npz or safetensors file with an array \
         under each name",
        path.display(), inputs.join(", ")
    )]
    Inputs {
        /// The file.
        path: PathBuf,
        /// The inputs.
        inputs: Vec<String>,
    },
    /// More data than are taken at once.
    #[error("{}: {what} is larger than {limit}; use fewer samples or a smaller file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// The limit, with its unit.
        limit: String,
    },
    /// The inputs that the data do not give cannot be made up either.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl DataError {
    /// The error of a file whose content is not what its format asks for.
    pub(crate) fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}
