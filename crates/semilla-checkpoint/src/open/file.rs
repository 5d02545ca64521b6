//! Opening a file, a model in shards, or a folder.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::Error;
#[cfg(feature = "gguf")]
use crate::formats::gguf::Gguf;
#[cfg(feature = "keras")]
use crate::formats::keras::Keras;
#[cfg(feature = "numpy")]
use crate::formats::numpy::Numpy;
#[cfg(feature = "onnx")]
use crate::formats::onnx::Onnx;
use crate::formats::safetensors::Safetensors;
#[cfg(feature = "torch")]
use crate::formats::torch::{Shards, Torch};
use crate::io::index::Index;
use crate::io::limits::Limits;
#[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
use crate::open::archive::open_archive;
use crate::open::folder::choose;
use crate::open::json::{self, Json};
use crate::open::recognize::{Content, recognize};

/// Opens what lies at `path`, with the default [`Limits`].
///
/// The content decides, never the file's extension. A path may be
/// - a safetensors file;
/// - a file of PyTorch (`.pt`, `.pth`): a zip archive or a stream of pickles, with a state
///   dictionary or a whole module. No pickle is run; what it names beyond weights is in
///   [`Checkpoint::remarks`];
/// - one or several arrays of NumPy (`.npy`, `.npz`);
/// - the index of a model in shards (`model.safetensors.index.json`,
///   `pytorch_model.bin.index.json`, Keras's `model.weights.json`);
/// - an ONNX model, with its external data beside it;
/// - a GGUF file;
/// - a list of shapes (see [`Manifest::parse`](crate::Manifest::parse));
/// - a Keras or other HDF5 file, or a `.keras` archive (see `Keras`);
/// - a folder that holds one safetensors file, or one index of such; or, if none, one `*model.bin`
///   of PyTorch, or one index; or, if none, one `.weights.h5` of Keras, or one index.
///
/// # Errors
/// The path cannot be read, does not hold one model, is of an unknown format or of one that this
/// build leaves out, or is damaged.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>, Error> {
    open_with(path, &Limits::default())
}

/// Opens what lies at `path`, as [`open`] does, with other limits.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let path = path.as_ref();
    let file = if path.is_dir() {
        choose(path)?
    } else {
        path.to_owned()
    };
    open_content(&file, recognize(&file)?, limits)
}

fn open_content(
    file: &Path,
    content: Content,
    limits: &Limits,
) -> Result<Box<dyn Checkpoint>, Error> {
    match content {
        Content::Safetensors => Ok(Box::new(Safetensors::open(file, limits)?)),
        Content::Json => match json::read(file, limits)? {
            Json::Shapes(manifest) => Ok(Box::new(manifest)),
            Json::Index(index) => open_shards(file, &index, limits),
        },
        #[cfg(feature = "onnx")]
        Content::Onnx => Ok(Box::new(Onnx::open(file, limits)?)),
        #[cfg(feature = "gguf")]
        Content::Gguf => Ok(Box::new(Gguf::open(file, limits)?)),
        #[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
        Content::Zip => open_archive(file, limits),
        #[cfg(feature = "torch")]
        Content::TorchStream => Ok(Box::new(Torch::open_stream(file, limits)?)),
        #[cfg(feature = "numpy")]
        Content::NumpyArray => Ok(Box::new(Numpy::open_array(file, limits)?)),
        #[cfg(feature = "keras")]
        Content::Hdf5 => Ok(Box::new(Keras::open(file, limits)?)),
        #[allow(
            unreachable_patterns,
            reason = "some formats are left out of some builds"
        )]
        left_out => Err(missing(file, left_out)),
    }
}

/// Opens the shards of an index by what the first of them is.
fn open_shards(path: &Path, index: &Index, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards = index.shards();
    let first = shards.next().map(|lines| folder.join(&lines[0].shard));
    match first.map(|shard| recognize(&shard)).transpose()? {
        #[cfg(feature = "keras")]
        Some(Content::Hdf5) => Ok(Box::new(Keras::open_shards(path, index, limits)?)),
        #[cfg(feature = "torch")]
        Some(Content::Zip | Content::TorchStream) => {
            let open = |shard: &Path| open_torch_shard(shard, limits);
            Ok(Box::new(Shards::open(path, index, open)?))
        }
        #[allow(
            unreachable_patterns,
            reason = "some formats are left out of some builds"
        )]
        Some(left_out @ (Content::Hdf5 | Content::Zip | Content::TorchStream)) => {
            Err(missing(path, left_out))
        }
        _ => Ok(Box::new(Safetensors::open_shards(path, index, limits)?)),
    }
}

#[cfg(feature = "torch")]
fn open_torch_shard(shard: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    match recognize(shard)? {
        content @ (Content::Zip | Content::TorchStream) => open_content(shard, content, limits),
        _ => Err(Error::Format {
            path: shard.to_owned(),
            format: crate::format::Format::Torch,
            problem: "it is of another format than the first shard of its index".to_owned(),
        }),
    }
}

fn missing(path: &Path, content: Content) -> Error {
    Error::MissingFeature {
        path: path.to_owned(),
        formats: content.formats(),
    }
}
