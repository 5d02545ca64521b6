//! Functions of one element.

use crate::array::Array;
use crate::executor::{Nature, Operator, Pass};
use crate::parallel::parts;
use crate::real::Real;
use crate::sums::MANY;

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
        parts(result.data_mut(), MANY, &|place, result| {
            let given = x[place * MANY..].iter().zip(&y[place * MANY..]);
            for (g, (&x, &y)) in result.iter_mut().zip(given) {
                // A gradient of 0 stays one where the slope is infinite, as of the square root
                // at 0.
                let is_zero = *g == T::zero();
                *g = if is_zero {
                    T::zero()
                } else {
                    *g * (self.slope)(x, y)
                };
            }
        });
        Pass::only(result)
    }
}

/// A function of each element, on all threads if there are many.
pub(crate) fn each<T: Real>(array: &Array<T>, f: impl Fn(T) -> T + Sync) -> Array<T> {
    let mut made = Array::filled(array.shape(), T::zero());
    parts(made.data_mut(), MANY, &|place, made| {
        let given = made.iter_mut().zip(&array.data()[place * MANY..]);
        given.for_each(|(made, &x)| *made = f(x));
    });
    made
}
