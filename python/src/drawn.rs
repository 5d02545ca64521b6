//! What another implementation of the stream needs to make a tensor's elements.

use pyo3::prelude::*;
use semilla::Prepared;
use semilla::stream::Law;

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
    /// `None` if elements are made in any other way.
    pub(crate) fn of(prepared: &Prepared) -> Option<Self> {
        let (stream, law) = prepared.drawn()?;
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
        Some(Self {
            key: stream.key().bits(),
            sequence: stream.sequence().0,
            law,
            numbers,
        })
    }
}
