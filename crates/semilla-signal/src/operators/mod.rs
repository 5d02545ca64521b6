//! ONNX's operators: what they compute, and how gradients go back through them.
//!
//! A file per kind. Each turns a node with known inputs into a step, or into values where nothing
//! depends on floats; [`lower`] finds the right one.

mod activation;
mod arithmetic;
mod attention;
mod compare;
mod convolution;
mod einsum;
mod gather;
mod geometry;
mod matmul;
mod movement;
mod named;
mod normalization;
mod pad;
mod pool;
mod recurrent;
mod reduce;
mod resize;
mod sequence;
mod shape;
mod softmax;
mod sort;
mod table;
mod unary;
mod whole;

pub(crate) use table::lower;
