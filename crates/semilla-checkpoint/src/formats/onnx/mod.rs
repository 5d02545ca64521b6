//! ONNX models: their graph, and the weights in it.
//!
//! A model is one message of Protocol Buffers ([`wire`]). [`model::Model::read`] goes through it
//! once and steps over values: what nodes there are becomes a [`semilla::Graph`], and where each
//! tensor's values lie is noted beside it ([`stored`]). Then [`weights`] chooses the tensors that
//! are weights, [`naming`] names them, [`files`] finds their values, and [`Onnx`] reads those on
//! demand.

mod attribute;
mod body;
mod constant;
mod dtype;
mod files;
mod made_up;
mod model;
mod naming;
mod parser;
mod reader;
mod stored;
mod tensor;
mod value;
mod weights;
mod wire;

pub use reader::Onnx;
