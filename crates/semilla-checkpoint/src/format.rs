//! The formats by name.

use std::fmt;

use semilla::model::Convention;

/// The format that a checkpoint is stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Safetensors, in one file or in shards.
    Safetensors,
    /// A JSON list of shapes, without values.
    Shapes,
    /// PyTorch's `.pt` or `.pth`: a zip archive or the older stream of pickles.
    Torch,
    /// NumPy's `.npy` or `.npz`, or arrays in a pickle.
    Numpy,
    /// Keras's `.h5`, `.weights.h5` or `.keras`.
    Keras,
    /// ONNX.
    Onnx,
    /// GGUF.
    Gguf,
    /// Flax's MessagePack, `.msgpack`.
    Flax,
    /// Orbax's checkpoints: folders of arrays of Zarr, or `manifest.ocdbt`.
    Orbax,
    /// TensorFlow's checkpoints, `.index` with `.data-00000-of-00001`.
    TensorFlow,
}

impl Format {
    /// Every format.
    pub const ALL: &[Format] = &[
        Format::Safetensors,
        Format::Torch,
        Format::Numpy,
        Format::Keras,
        Format::Onnx,
        Format::Gguf,
        Format::Flax,
        Format::Orbax,
        Format::TensorFlow,
        Format::Shapes,
    ];

    /// Whose way of storing weights the format is written in: Keras stores [in, out] and
    /// [kernel..., in, out], the others [out, in] and [out, in, kernel...]. GGUF's dimensions are
    /// given in row-major order. `None` for formats that hold anyone's weights:
    /// [`Convention::of_names`] may tell.
    pub fn convention(self) -> Option<Convention> {
        match self {
            Format::Keras | Format::TensorFlow => Some(Convention::Keras),
            Format::Flax | Format::Orbax => Some(Convention::Jax),
            Format::Torch | Format::Onnx | Format::Gguf => Some(Convention::Pytorch),
            Format::Safetensors | Format::Shapes | Format::Numpy => None,
        }
    }

    /// The cargo feature with which the format is read; `None` if it always is.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Format::Safetensors | Format::Shapes => None,
            Format::Torch => Some("torch"),
            Format::Numpy => Some("numpy"),
            Format::Keras => Some("keras"),
            Format::Onnx => Some("onnx"),
            Format::Gguf => Some("gguf"),
            Format::Flax => Some("flax"),
            Format::Orbax => Some("orbax"),
            Format::TensorFlow => Some("tensorflow"),
        }
    }

    /// Whether this build reads the format.
    pub fn is_read(self) -> bool {
        match self {
            Format::Safetensors | Format::Shapes => true,
            Format::Torch => cfg!(feature = "torch"),
            Format::Numpy => cfg!(feature = "numpy"),
            Format::Keras => cfg!(feature = "keras"),
            Format::Onnx => cfg!(feature = "onnx"),
            Format::Gguf => cfg!(feature = "gguf"),
            Format::Flax => cfg!(feature = "flax"),
            Format::Orbax => cfg!(feature = "orbax"),
            Format::TensorFlow => cfg!(feature = "tensorflow"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Safetensors => "safetensors",
            Format::Shapes => "a list of shapes",
            Format::Torch => "PyTorch",
            Format::Numpy => "NumPy",
            Format::Keras => "Keras HDF5",
            Format::Onnx => "ONNX",
            Format::Gguf => "GGUF",
            Format::Flax => "Flax",
            Format::Orbax => "Orbax",
            Format::TensorFlow => "TensorFlow",
        })
    }
}
