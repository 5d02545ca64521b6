//! Why a fill does not fit a tensor, and why its elements cannot be written into a buffer.

use super::slice::{Slice, SliceError};
use crate::distribution::DistributionError;
use crate::dtype::DType;
use crate::fit::Fit;
use crate::number::Short;

/// Why a fill does not fit a tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// The distribution cannot be drawn from.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A number that the element type cannot hold.
    #[error("{} is not a {dtype} value; choose another value or another dtype", Short(*value))]
    Constant {
        /// The value.
        value: f64,
        /// The element type.
        dtype: DType,
    },
    /// Values computed as reals, in an integer tensor.
    #[error("an integer tensor ({0}) can be filled by constant, arange or keep only")]
    Integer(DType),
    /// The fill is made for a different shape.
    #[error("the fill does not fit shape {shape:?}: {problem}")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
        /// The condition that does not hold.
        problem: String,
    },
    /// Too many elements to count or to hold.
    #[error("shape {shape:?} has more elements than can be {action}")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
        /// Counted or held in memory.
        action: &'static str,
    },
    /// Values of a checkpoint inside a fill that generates values.
    #[error(
        "a checkpoint's values cannot stand inside {inside}; \
         load the whole tensor, or sections of it (blocks)"
    )]
    NestedLoad {
        /// The fill around them.
        inside: &'static str,
    },
    /// Keeping needs a file.
    #[error(
        "keep has no values to copy: the model is a description, not a file of weights; \
         choose an initializer"
    )]
    NothingToKeep,
    /// Loading needs a checkpoint.
    #[error("its values lie in a checkpoint; give that file")]
    NotDrawn,
    /// Its numbers are not fitted yet.
    #[error(
        "its numbers are still to be fitted by {0}, which runs the network on data; give --data \
         FILE, or --data noise (in Rust, `semilla_signal::fit`)"
    )]
    Unfitted(Fit),
    /// The buffer does not fit the tensor.
    #[error(transparent)]
    Buffer(#[from] BufferError),
}

/// Why a tensor's elements cannot be written into a buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BufferError {
    /// The buffer's elements are not of the tensor's type.
    #[error("the tensor's elements are {tensor}, the buffer's {buffer}; use one type for both")]
    Type {
        /// The tensor's element type.
        tensor: DType,
        /// The buffer's.
        buffer: DType,
    },
    /// The buffer is longer or shorter than the slice.
    #[error("the slice has {slice} elements, the buffer {buffer}; make them equal")]
    Length {
        /// Elements of the slice.
        slice: u64,
        /// Elements of the buffer.
        buffer: u64,
    },
    /// Bytes that are not whole elements, or not aligned to them.
    #[error("a buffer of {bytes} bytes is not made of whole, aligned {dtype} elements")]
    Bytes {
        /// The buffer's length.
        bytes: usize,
        /// The element type.
        dtype: DType,
    },
    /// Elements past the end.
    #[error("{len} elements from {first} on go past the end at {end}")]
    Range {
        /// The first element.
        first: u64,
        /// How many.
        len: u64,
        /// The elements that there are.
        end: u64,
    },
    /// Elements that the fill was not prepared for.
    #[error(
        "only the slice at {:?} of size {:?} was prepared; prepare the elements that you write",
        part.offset(), part.size()
    )]
    NotPrepared {
        /// The prepared part of the tensor.
        part: Slice,
    },
    /// A slice outside the tensor.
    #[error(transparent)]
    Slice(#[from] SliceError),
}
