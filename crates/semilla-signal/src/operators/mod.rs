//! ONNX's operators: what they compute, and how gradients go back through them.
//!
//! A file per kind. Each turns a node with known inputs into a step, or into values where nothing
//! depends on floats; [`lower`] finds the right one.

mod activation;
mod arithmetic;
mod attention;
mod col2im;
mod compare;
mod contributed;
mod convolution;
mod direct;
mod einsum;
mod gather;
mod geometry;
mod grid_sample;
mod heads;
mod matmul;
mod movement;
mod named;
mod normalization;
mod pad;
mod pool;
mod quantize;
mod quarters;
mod recurrent;
mod reduce;
mod resize;
mod rotary;
mod sequence;
mod shape;
mod softmax;
mod sort;
mod table;
mod tiles;
mod unary;
mod whole;

pub(crate) use table::lower;
