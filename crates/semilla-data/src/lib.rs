//! Batches of data for the inputs of a network's graph.
//!
//! [`read`] finds out what a path holds, takes as many samples as are asked for, evenly spread
//! over the data, and brings them into the shapes that the graph states:
//!
//! | data | becomes |
//! | --- | --- |
//! | `.npy`, `.npz`, safetensors | arrays under the names of the inputs, or the only array; labels from an array `labels`, `label`, `targets`, `target` or `y` |
//! | a folder of PNG and JPEG files, or one such file | channels-first pixels, resized and cropped to the input's size; labels from the names of subfolders |
//! | CSV, TSV | rows of numbers; labels from a column |
//! | Parquet | as a table, a list as many columns; or images, where a column holds their files |
//! | text (`.txt` and other text files) | windows of bytes as token ids |
//! | CIFAR's binary files (`.bin`), or a folder of them | pixels; labels from the same records |
//! | MNIST's idx files, also as `.gz` | pixels; labels from the file beside, named as MNIST's are |
//!
//! Nothing is read beyond limits, and NaN, infinities, wrong shapes and ids beyond the vocabulary
//! are errors that say where.
//!
//! ```
//! use semilla::model::Spec;
//! use semilla_data::{Reading, read};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flowers.csv");
//! std::fs::write(&path, "length,width,species\n5.1,3.5,a\n6.2,2.9,b\n5.9,3.0,b\n")?;
//! let graph = Spec::graph("mlp:2-16-2:relu")?;
//! let data = read(&path, &graph, &Reading::default())?;
//! assert_eq!(data.samples, 3);
//! assert!(data.labels.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrays;
mod bytes;
mod cifar;
mod error;
mod idx;
mod images;
mod normalize;
mod parquet;
mod place;
mod read;
mod reading;
mod sample;
mod table;
mod text;
mod tokens;

pub use error::DataError;
pub use normalize::{Normalize, ParseNormalizeError};
pub use read::{read, take};
pub use reading::{Data, Given, Reading};
