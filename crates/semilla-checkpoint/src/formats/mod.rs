//! The formats, a room each.

pub(crate) mod gguf;
pub(crate) mod keras;
pub(crate) mod numpy;
pub(crate) mod onnx;
pub(crate) mod safetensors;
pub(crate) mod shapes;
pub(crate) mod torch;
