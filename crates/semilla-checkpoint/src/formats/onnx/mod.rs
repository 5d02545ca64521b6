//! ONNX models: a graph of operators in Protocol Buffers, with the weights as its initializers and
//! constants.
//!
//! **Who writes it.** Exporters of PyTorch, TensorFlow (tf2onnx), scikit-learn and others.
//!
//! **Read.** The graph, and the weights of all graphs and functions, inside the file or beside it
//! (external data), with the axes that the nodes around them give. Sparse tensors are left out and
//! counted. Nothing of the graph is run.
//!
//! **Refused.** Weights in types of less than a byte, complex numbers or texts, and external data
//! outside of the model's folder.
//!
//! **How.** A model is one message of Protocol Buffers (`wire`). `Model::read` goes through it once
//! and steps over values: what nodes there are becomes the graph, and where each tensor's values
//! lie is noted beside it (`stored`). Then `weights` chooses the tensors that are weights, `naming`
//! names them, `files` finds their values, and `Onnx` reads those on demand.

mod attribute;
mod body;
mod constant;
mod dtype;
mod files;
mod made_up;
mod model;
mod named;
mod naming;
mod parser;
mod reader;
mod stored;
mod tensor;
mod value;
mod weights;

pub use reader::Onnx;
