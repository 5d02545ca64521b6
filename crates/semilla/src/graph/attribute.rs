//! The values of a node's attributes.

use serde::Serialize;

use super::literal::Literal;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Attribute {
    /// An integer, such as `group`.
    Int(i64),
    /// A number, such as `epsilon`.
    Float(f32),
    /// A text, such as `auto_pad`.
    Text(String),
    /// Integers, such as `strides`.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f32>),
    /// Texts.
    Texts(Vec<String>),
    /// A small tensor.
    Tensor(Literal),
    /// A body of the graph, by its position: a branch, or what a loop repeats.
    Body(usize),
    /// Several bodies of the graph.
    Bodies(Vec<usize>),
    /// In a function: the attribute of this name of the node that calls it.
    Parameter(String),
    /// A value that the graph does not hold: a large tensor, a long list, or a type.
    Omitted,
}
