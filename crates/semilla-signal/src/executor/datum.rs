//! What flows between nodes.

use std::sync::Arc;

use crate::array::Array;

/// A tensor that is given to a graph: an input, a weight.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<T> {
    /// Numbers, through which gradients flow.
    Float(Array<T>),
    /// Whole numbers or truth values: tokens, shapes, masks.
    Whole(Array<i64>),
}

impl<T> From<Array<T>> for Datum<T> {
    fn from(array: Array<T>) -> Self {
        Datum::Float(array)
    }
}

/// An array of numbers of a [`Trace`](crate::Trace), by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

/// A value while a graph is run.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Numbers, kept in the trace.
    Float(ValueId),
    /// Whole numbers, known while the graph is recorded: the steps depend on them.
    Whole(Arc<Array<i64>>),
    /// A sequence.
    List(Vec<Value>),
}
