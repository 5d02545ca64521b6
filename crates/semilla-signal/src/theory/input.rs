//! What theory knows of the data.

use std::sync::Arc;

use super::axes::Axes;
use super::signal::Signal;
use crate::array::Array;
use crate::executor::Datum;

/// What theory knows of an input.
#[derive(Clone, Debug)]
pub struct Given(pub(super) Input);

#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Numbers, by their moments.
    Signal(Signal),
    /// Whole numbers: which of them are equal matters.
    Whole(Arc<Array<i64>>),
    /// Numbers with more axes than are followed.
    Unknown(Vec<usize>),
}

impl Given {
    /// The moments of data: of numbers their mean, mean square, and the mean products of pairs of
    /// samples, positions and channels.
    pub fn of(datum: &Datum<f32>) -> Self {
        Self(match datum {
            Datum::Whole(array) => Input::Whole(Arc::new(array.clone())),
            Datum::Float(array) => match Signal::measured(array) {
                Some(signal) => Input::Signal(signal),
                None => Input::Unknown(array.shape().to_vec()),
            },
        })
    }

    /// Independent numbers of mean 0 and this variance, samples along the first axis.
    pub fn noise(shape: &[usize], variance: f64) -> Self {
        Self(match Axes::of(shape) {
            Some(axes) => Input::Signal(Signal::independent(axes, 0.0, variance)),
            None => Input::Unknown(shape.to_vec()),
        })
    }
}
