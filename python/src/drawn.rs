//! What another implementation of the stream needs to make a tensor's elements.

use pyo3::prelude::*;
use semilla::stream::{Key, Law, Stream};
use semilla::{DType, Fill, FillError, Slice};

/// The stream and the law of a tensor whose elements are drawn one by one.
#[pyclass(frozen, get_all, module = "semilla._semilla")]
pub(crate) struct Drawn {
    /// The stream's key.
    key: u64,
    /// Which of the tensor's independent sequences it is.
    sequence: u64,
    /// The law's name.
    law: &'static str,
    /// The law's numbers, in the order of `semilla::stream::Law`.
    numbers: Vec<f64>,
}

impl Drawn {
    /// Of a fill for a tensor; `None` if elements are made in any other way.
    pub(crate) fn of(
        fill: &Fill,
        key: Key,
        shape: &[usize],
        dtype: DType,
    ) -> Result<Option<Self>, FillError> {
        if fill.is_matrix() {
            return Ok(None);
        }
        // The law does not depend on the part: the least will do.
        let least: Vec<usize> = shape.iter().map(|&size| size.min(1)).collect();
        let least = Slice::new(vec![0; shape.len()], least);
        let prepared = fill.prepare_part(key, shape, dtype, &least)?;
        Ok(prepared.drawn().map(|(stream, law)| Self::new(stream, law)))
    }

    fn new(stream: Stream, law: Law<f64>) -> Self {
        let (law, numbers) = match law {
            Law::Uniform {
                low,
                step,
                below_high,
            } => ("uniform", vec![low, step, below_high]),
            Law::Normal { mean, std } => ("normal", vec![mean, std]),
            Law::TruncatedNormal(law) => (
                "truncated_normal",
                vec![
                    law.mean, law.std, law.low, law.high, law.centre, law.mass, law.below,
                    law.above,
                ],
            ),
        };
        Self {
            key: stream.key().bits(),
            sequence: stream.sequence().0,
            law,
            numbers,
        }
    }
}
