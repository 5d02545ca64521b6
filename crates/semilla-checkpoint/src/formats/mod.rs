//! The formats, each in a room of its own.

#[cfg(feature = "flax")]
pub(crate) mod flax;
#[cfg(feature = "gguf")]
pub(crate) mod gguf;
#[cfg(feature = "keras")]
pub(crate) mod keras;
#[cfg(feature = "numpy")]
pub(crate) mod numpy;
#[cfg(feature = "onnx")]
pub(crate) mod onnx;
#[cfg(feature = "orbax")]
pub(crate) mod orbax;
pub(crate) mod safetensors;
pub(crate) mod shapes;
#[cfg(feature = "tensorflow")]
pub(crate) mod tensorflow;
#[cfg(feature = "torch")]
pub(crate) mod torch;
