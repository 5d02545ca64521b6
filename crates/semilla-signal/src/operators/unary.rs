//! Functions of one element.

use rayon::prelude::*;

use crate::array::Array;
use crate::executor::{Nature, Operator, Pass};
use crate::real::Real;

/// Elements from which on all threads share the work.
const MANY: usize = 1 << 16;

/// A function of each element and its slope.
pub(crate) struct Unary<F, S> {
    /// The function.
    pub(crate) value: F,
    /// Its slope at (x, f(x)).
    pub(crate) slope: S,
}

impl<T, F, S> Operator<T> for Unary<F, S>
where
    T: Real,
    F: Fn(T) -> T + Send + Sync,
    S: Fn(T, T) -> T + Send + Sync,
{
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![each(inputs[0], &self.value)]
    }

    fn nature(&self) -> Nature {
        Nature::Elementwise
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let (x, y) = (pass.inputs[0].data(), pass.outputs[0].data());
        let mut result = gradient.into_owned();
        let work = |(at, g): (usize, &mut T)| {
            // A gradient of 0 stays one where the slope is infinite, as of the square root at 0.
            if *g != T::zero() {
                *g *= (self.slope)(x[at], y[at]);
            }
        };
        match x.len() > MANY {
            true => result.data_mut().par_iter_mut().enumerate().for_each(work),
            false => result.data_mut().iter_mut().enumerate().for_each(work),
        }
        Pass::only(result)
    }
}

/// A function of each element, on all threads if there are many.
pub(crate) fn each<T: Real>(array: &Array<T>, f: impl Fn(T) -> T + Sync) -> Array<T> {
    if array.data().len() <= MANY {
        return array.map(f);
    }
    let data = array.data().par_iter().map(|&x| f(x)).collect();
    Array::new(array.shape(), data).expect("as many elements as before")
}
