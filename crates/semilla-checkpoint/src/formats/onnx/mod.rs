//! ONNX models: a graph of operators in Protocol Buffers, with the weights as its initializers and
//! constants.
//!
//! **Who writes it.** Exporters of PyTorch, TensorFlow (tf2onnx), scikit-learn and others.
//!
//! **Read.** The weights of all graphs and functions, inside the file or beside it (external data),
//! with the axes that the nodes around them tell. Sparse tensors are left out and counted. Nothing
//! of the graph is run.
//!
//! **Refused.** Weights in types of less than a byte, complex numbers or texts, and external data
//! outside of the model's folder.

mod graph;
mod reader;
mod role;
mod wire;

pub use reader::Onnx;
