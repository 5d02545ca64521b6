//! ONNX models.

mod graph;
mod reader;
mod role;
mod wire;

pub use reader::Onnx;
