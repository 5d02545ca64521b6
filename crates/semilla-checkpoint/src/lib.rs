//! Weights on disk: bounded, lazy readers, and writers that never leave half a file.
//!
//! - Reading: [`open`] recognizes a file, the index of shards or a folder by its content and gives
//!   a [`Checkpoint`]: the list of tensors, and their bytes when they are asked for, from any
//!   thread.
//!   A weight that is stored in parts (weight norm, quantized numbers and their scales) is put
//!   together by [`whole`].
//! - Writing: [`SafetensorsWriter`] takes the list of tensors first, then their bytes in any order
//!   from any thread. The files get their names when every byte is on the disk.
//! - Initializing: [`materialize`] carries out a [`Plan`](semilla::Plan) in constant memory:
//!   it generates weights, takes others from checkpoints, and writes them.
//!
//! Safetensors is read and written. PyTorch, NumPy, Keras (HDF5), ONNX, GGUF and Flax are read, each
//! behind a cargo feature of its name, all of which are on by default, also in gzip or zstd
//! (`compressed`); so are JSON lists of shapes.
//! Other formats join by implementing [`Checkpoint`] and [`CheckpointWriter`].
//!
//! Whatever the input, a mistake is an [`Error`], never a panic, and memory is bounded by
//! [`Limits`] before it is allocated. An error's text is one sentence about its place;
//! [`source`](std::error::Error::source) is its cause.
//!
//! # Write a file
//!
//! ```
//! use semilla::DType;
//! use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("weights.safetensors");
//! let tensors = Tensors::new(vec![TensorInfo::new("fc.bias", DType::F32, [2])?])?;
//! // The last argument would split a large model into shards of a size such as 5GB.
//! let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None)?;
//! writer.write(0, 0, &[0; 8])?; // of tensor 0, from byte 0 on
//! writer.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Read a tensor
//!
//! ```
//! use semilla_checkpoint::open;
//!
//! # use semilla::DType;
//! # use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("weights.safetensors");
//! # let tensors = Tensors::new(vec![TensorInfo::new("fc.bias", DType::F32, [2])?])?;
//! # let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None)?;
//! # writer.write(0, 0, &[0; 8])?;
//! # writer.finish()?;
//! let checkpoint = open(&path)?;
//! let bias = checkpoint.tensors().index_of("fc.bias").expect("a bias");
//! let mut bytes = vec![1; checkpoint.tensors()[bias].bytes() as usize];
//! checkpoint.read(bias, 0, &mut bytes)?;
//! assert_eq!(bytes, [0; 8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Initialize a model
//!
//! ```
//! use semilla::{Recipe, model::Spec};
//! use semilla_checkpoint::ops::WritePlan;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("weights.safetensors");
//! let model = Spec::parse("mlp:784-256-10:relu")?;
//! let plan = Recipe::named("auto")?.plan(&model, 42)?;
//! plan.write(&path).run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Start from pretrained weights
//!
//! A trunk whose layers have different names, and a new head:
//!
//! ```
//! use semilla::{Recipe, Transfer};
//! use semilla_checkpoint::ops::{DescribeOptions, Planner, describe};
//!
//! # use semilla_checkpoint::ops::WritePlan;
//! # let folder = tempfile::tempdir()?;
//! # let [trunk, start] = ["trunk.safetensors", "start.safetensors"].map(|name| folder.path().join(name));
//! # let names = [("encoder.0.weight", vec![16, 8]), ("encoder.0.bias", vec![16]),
//! # ("encoder.1.weight", vec![16, 16]), ("encoder.1.bias", vec![16])];
//! # let old = names.map(|(name, shape)| (name.to_owned(), shape, semilla::DType::F32));
//! # let old = semilla::Model::infer(old, semilla::model::Convention::Pytorch);
//! # Recipe::named("auto")?.plan(&old, 7)?.write(&trunk).run()?;
//! let model = describe("mlp:8-16-16-3:relu", DescribeOptions::default())?;
//! let planned = Planner::new(&model)
//!     .from(Transfer {
//!         from: Some(trunk.display().to_string()),
//!         rename: vec![(r"^encoder\.".into(), "layers.".into())],
//!         may_miss: vec!["layers.2.*".into()], // the head
//!         ..Transfer::default()
//!     })
//!     .plan()?;
//! print!("{}", planned.plan); // a line for each tensor: what it gets, and why
//! planned.write(&start).run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ops`] has the rest of what the command `semilla` does: inspect, diff, LoRA adapters, locks and
//! their replay, one tensor or one slice in memory.

mod checkpoint;
mod error;
mod format;
mod formats;
// Formats that are left out leave some of this unused.
#[cfg_attr(
    not(all(
        feature = "flax",
        feature = "torch",
        feature = "numpy",
        feature = "keras",
        feature = "onnx"
    )),
    allow(dead_code)
)]
mod io;
mod looks_like;
mod malformed;
mod open;
pub mod ops;
mod quoted;
mod remark;
mod tensor;
mod tensors;
mod values;
mod whole;

pub use checkpoint::{Checkpoint, CheckpointWriter, Metadata};
pub use error::Error;
pub use format::Format;
#[cfg(feature = "gguf")]
pub use formats::gguf::Gguf;
#[cfg(feature = "keras")]
pub use formats::keras::Keras;
#[cfg(feature = "onnx")]
pub use formats::onnx::Onnx;
pub use formats::safetensors::{Header, Safetensors, SafetensorsWriter};
pub use formats::shapes::Manifest;
pub use io::{ByteSize, Index, InvalidByteSize, Limits, Placement, check_target, write_atomically};
pub use looks_like::LooksLike;
pub use malformed::Malformed;
pub use open::{open, open_with};
pub use quoted::Quoted;
pub use remark::{Remark, sentences};
pub use tensor::{InvalidTensor, TensorFault, TensorInfo};
pub use tensors::Tensors;
pub use values::{Health, InvalidShare, Share, Sources, materialize, tensors_of};
pub use whole::{whole, whole_except};
