//! Models in one line.
//!
//! | description | model |
//! | --- | --- |
//! | `mlp:784-256-256-10:relu` | linear layers, an activation after each but the last |
//! | `conv:3-32-64:10:relu` | 3×3 convolutions from 3 channels, a linear head of 10 outputs |
//! | `transformer:12x768:50257:gelu` | a GPT-2-style decoder: layers × width, vocabulary |
//! | `lstm:128-256:10` | an LSTM of input and hidden size, then a linear head |
//!
//! Linear layers have biases, convolutions batch normalization; a decoder has heads of 64 and 1024
//! positions. The activation may be left out: relu for `mlp` and `conv`, gelu for `transformer`.
//! Tensors are named and stored as PyTorch does, in `f32`.

mod description;
mod graph;
mod one_line;
mod tensors;

pub use description::SpecError;
pub use one_line::Spec;
