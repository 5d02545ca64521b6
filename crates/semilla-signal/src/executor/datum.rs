//! What flows between nodes.

use std::sync::Arc;

use semilla::DType;
use semilla::graph::Literal;

use crate::array::Array;
use crate::real::Real;

/// A tensor that is given to a graph: an input, a weight.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<T> {
    /// Numbers, through which gradients flow.
    Float(Array<T>),
    /// Whole numbers or truth values: tokens, shapes, masks.
    Whole(Array<i64>),
}

impl<T: Real> Datum<T> {
    /// A tensor from little-endian, row-major bytes: floats as numbers, all other types as whole
    /// numbers. `None` if the bytes are not as many as the shape asks for.
    pub fn decode(dtype: DType, shape: &[usize], bytes: &[u8]) -> Option<Self> {
        if !dtype.is_float() {
            let literal = Literal::new(dtype, shape, bytes.to_vec())?;
            return Array::new(shape, literal.ints()?).map(Datum::Whole);
        }
        if dtype == DType::F32 {
            let (elements, _) = bytes.as_chunks::<4>();
            let values = elements
                .iter()
                .map(|&bytes| T::of(f32::from_le_bytes(bytes).into()));
            return Array::new(shape, values.collect()).map(Datum::Float);
        }
        let mut values = Vec::new();
        dtype.decode(bytes, &mut values);
        Array::new(shape, values.into_iter().map(T::of).collect()).map(Datum::Float)
    }

    /// Its sizes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Datum::Float(array) => array.shape(),
            Datum::Whole(array) => array.shape(),
        }
    }

    /// Keeps the first samples, which lie along the first axis.
    pub fn truncate(&mut self, samples: usize) {
        match self {
            Datum::Float(array) => array.truncate(samples),
            Datum::Whole(array) => array.truncate(samples),
        }
    }

    /// The same numbers in `f64`.
    pub(crate) fn widened(self) -> Datum<f64> {
        match self {
            Datum::Float(array) => Datum::Float(array.map(T::f64)),
            Datum::Whole(array) => Datum::Whole(array),
        }
    }

    /// Whether no element is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        match self {
            Datum::Float(array) => array.data().iter().all(|x| x.is_finite()),
            Datum::Whole(_) => true,
        }
    }
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
