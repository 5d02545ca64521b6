//! Opening a file, a model in shards, or a folder.

use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::format::Format;
#[cfg(feature = "flax")]
use crate::formats::flax::Flax;
#[cfg(feature = "gguf")]
use crate::formats::gguf::Gguf;
#[cfg(feature = "keras")]
use crate::formats::keras::Keras;
#[cfg(feature = "numpy")]
use crate::formats::numpy::Numpy;
#[cfg(feature = "onnx")]
use crate::formats::onnx::Onnx;
#[cfg(feature = "orbax")]
use crate::formats::orbax::Orbax;
use crate::formats::safetensors::Safetensors;
#[cfg(feature = "tensorflow")]
use crate::formats::tensorflow::TensorFlow;
#[cfg(feature = "torch")]
use crate::formats::torch::{Distributed, Torch};
use crate::io::index::Index;
use crate::io::limits::Limits;
#[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
use crate::open::archive::open_archive;
use crate::open::folder::{choose, whole_of};
use crate::open::json::{self, Json};
use crate::open::noted::Noted;
use crate::open::part::{check_present, siblings};
use crate::open::recognize::{Content, Packing, recognize};
use crate::open::shards::Shards;
use crate::open::slices::{merge, slices};
use crate::open::steps::chosen;
#[cfg(feature = "compressed")]
use crate::open::unpack::unpack;

/// Opens the file or folder at `path`, with the default [`Limits`].
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
/// - a GGUF file, or one of Flax (`.msgpack`);
/// - a pickle of arrays of NumPy, as detectron2 (`.pkl`) and Paddle (`.pdparams`) save them;
/// - a checkpoint of TensorFlow (`.index`, with the files of data beside it), or one of those
///   files, or a SavedModel's folder;
/// - a folder of Orbax, its `manifest.ocdbt` or its `_METADATA`;
/// - any of these files in gzip or zstd, which is unpacked to a temporary file;
/// - a list of shapes (see [`Manifest::parse`](crate::Manifest::parse));
/// - a Keras or other HDF5 file, or a `.keras` archive (see `Keras`);
/// - a folder of `torch.distributed.checkpoint`, its `.metadata`, or one of its `.distcp` files:
///   the slices of all processes are read as one;
/// - one of the files of a model in parts (`model-00001-of-00003.safetensors`), with all the
///   others beside it: they are opened together;
/// - one of the slices of a model that processes of tensor parallelism saved
///   (`consolidated.00.pth` of Llama, `mp_rank_00` of Megatron-LM), with all the others beside it:
///   they are merged;
/// - a folder that holds one safetensors file, or one index of such; or, if none, one `*model.bin`
///   of PyTorch, or one index; or, if none, one `.weights.h5` of Keras, or one index; or, if none
///   of these, one file of another format. Of several checkpoints of TensorFlow, DeepSpeed or
///   Megatron-LM it is the one that a file beside them calls the latest;
/// - a folder of a training's numbered steps (`100`, `checkpoint-500`): the latest is taken, and a
///   remark says so.
///
/// # Errors
/// The path cannot be read, does not hold one model, is of an unknown format or of one that this
/// build leaves out, or is damaged.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>, Error> {
    open_with(path, &Limits::default())
}

/// Opens the file or folder at `path`, as [`open`] does, with other limits.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let path = path.as_ref();
    let file = match path.is_dir() {
        true => choose(path)?,
        false => whole_of(path)?,
    };
    let checkpoint = open_parts(&file, limits)?;
    Ok(match chosen(path, &file) {
        Some(remark) => Box::new(Noted::new(checkpoint, remark)),
        None => checkpoint,
    })
}

/// Opens a file, and all others beside it that its name speaks of.
fn open_parts(file: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    if let Some(slices) = slices(file)? {
        let open = |part: &PathBuf| open_content(part, recognize(part)?, limits);
        let opened: Result<Vec<_>, Error> = slices.files.iter().map(open).collect();
        return merge(&slices, opened?);
    }
    match siblings(file) {
        None => open_whole(file, limits),
        Some(parts) => {
            check_present(file, &parts)?;
            let open = |part: &Path| open_content(part, recognize(part)?, limits);
            Ok(Box::new(Shards::join(file, &parts, open)?))
        }
    }
}

/// Opens a file that does not say by its name that it is a part.
fn open_whole(file: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let checkpoint = open_content(file, recognize(file)?, limits)?;
    let parts = checkpoint.metadata().get("split.count");
    let parts = parts.and_then(|count| count.parse::<u64>().ok());
    match parts {
        Some(count @ 2..) if checkpoint.format() == Format::Gguf => Err(Error::Format {
            path: file.to_owned(),
            format: Format::Gguf,
            problem: format!(
                "it is one of {count} files of a model; put all into one folder, under the names \
                 that they were published with (...-00001-of-{count:05}.gguf)"
            ),
        }),
        _ => Ok(checkpoint),
    }
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
        #[cfg(feature = "flax")]
        Content::Flax => Ok(Box::new(Flax::open(file, limits)?)),
        #[cfg(feature = "gguf")]
        Content::Gguf => Ok(Box::new(Gguf::open(file, limits)?)),
        #[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
        Content::Zip => open_archive(file, limits),
        #[cfg(feature = "torch")]
        Content::TorchStream => Ok(Box::new(Torch::open_stream(file, limits)?)),
        #[cfg(feature = "torch")]
        Content::Pickle => Torch::open_pickle(file, limits),
        #[cfg(feature = "orbax")]
        Content::Orbax => Ok(Box::new(Orbax::open(file, limits)?)),
        #[cfg(feature = "tensorflow")]
        Content::TensorFlow => Ok(Box::new(TensorFlow::open(file, limits)?)),
        #[cfg(feature = "torch")]
        Content::Distributed => Ok(Box::new(Distributed::open(file, limits)?)),
        #[cfg(feature = "numpy")]
        Content::NumpyArray => Ok(Box::new(Numpy::open_array(file, limits)?)),
        Content::Packed(packing) => open_packed(file, packing, limits),
        #[cfg(feature = "keras")]
        Content::Hdf5 => Ok(Box::new(Keras::open(file, limits)?)),
        #[allow(
            unreachable_patterns,
            reason = "some formats are left out of some builds"
        )]
        left_out => Err(missing(file, left_out)),
    }
}

#[cfg(not(feature = "compressed"))]
fn open_packed(file: &Path, _: Packing, _: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    Err(Error::Unpack {
        path: file.to_owned(),
        problem: "this build does not; build it with the cargo feature `compressed`, or unpack \
                  the file first"
            .to_owned(),
    })
}

/// Opens what a compressed file holds, from a file of its own.
#[cfg(feature = "compressed")]
fn open_packed(
    file: &Path,
    packing: Packing,
    limits: &Limits,
) -> Result<Box<dyn Checkpoint>, Error> {
    let unpacked = unpack(file, packing, limits)?;
    let open = |inner: &Path, limits: &Limits| match recognize(inner)? {
        Content::Packed(_) => Err(Error::Unpack {
            path: file.to_owned(),
            problem: "it is compressed twice; unpack it once".to_owned(),
        }),
        content => open_content(inner, content, limits),
    };
    unpacked.opened(open)
}

/// Opens the shards of an index by what the first of them is.
fn open_shards(path: &Path, index: &Index, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let shards = index.shards().map(|lines| folder.join(&lines[0].shard));
    let shards: Vec<PathBuf> = shards.collect();
    check_present(path, &shards)?;
    // Among them may be a page or a pointer that was fetched in a shard's place.
    let contents: Result<Vec<Content>, Error> = shards.iter().map(|s| recognize(s)).collect();
    match contents?.first().copied() {
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
            format: Format::Torch,
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
