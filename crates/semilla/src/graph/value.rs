//! Values that flow between nodes, and the tensors that nodes take.

use serde::Serialize;

use super::literal::Literal;
use super::node::Properties;
use crate::DType;

/// A value that has a name: an input, an output, or what one node hands to others.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Value {
    /// The name, by which nodes take the value.
    pub name: String,
    /// The element type; `None` if it is not known, or Semilla does not have it.
    pub dtype: Option<DType>,
    /// The shape; `None` if not even the number of axes is known.
    pub shape: Option<Vec<Dim>>,
    /// Notes of the exporter, such as whether an input is a parameter.
    pub properties: Properties,
}

/// The size of an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// A name, such as `batch`: the same size wherever the name occurs.
    Named(String),
    /// Any size.
    Unknown,
}

/// A tensor that the model carries: a weight, or a constant of a formula. Values of weights stay
/// in the model's file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Initializer {
    /// The name by which nodes take it.
    pub name: String,
    /// The element type; `None` if Semilla does not have it, such as text.
    pub dtype: Option<DType>,
    /// The shape.
    pub shape: Vec<usize>,
    /// The name by which the model's checkpoint lists it; `None` if it is not a weight.
    pub tensor: Option<String>,
    /// Whether an exporter made up its name: the model has no such parameter, and may have computed
    /// it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unnamed: bool,
    /// The values, if they are few and could be read.
    pub literal: Option<Literal>,
}

impl Initializer {
    /// A tensor whose values are elsewhere.
    pub fn new(name: impl Into<String>, dtype: DType, shape: impl Into<Vec<usize>>) -> Self {
        Self {
            name: name.into(),
            dtype: Some(dtype),
            shape: shape.into(),
            tensor: None,
            is_unnamed: false,
            literal: None,
        }
    }
}
