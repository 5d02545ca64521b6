//! Functions of one element.

use crate::array::Array;
use crate::executor::{Lying, Nature, Operator, Pass, Sum};
use crate::lanes::widest;
use crate::parallel::parts;
use crate::product::Start;
use crate::real::Real;
use crate::sums::MANY;

/// A function of each element and its slope.
///
/// Both are copied into the loops over elements: what they hold lies where no write to an element
/// reaches then, which lets the compiler work on many elements at a time.
pub(crate) struct Unary<F, S> {
    /// The function.
    pub(crate) value: F,
    /// Its slope at (x, f(x)).
    pub(crate) slope: S,
}

impl<T, F, S> Operator<T> for Unary<F, S>
where
    T: Real,
    F: Fn(T) -> T + Copy + Send + Sync,
    S: Fn(T, T) -> T + Copy + Send + Sync,
{
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(inputs[0].shape(), T::zero());
        each_into(inputs[0].data(), made.data_mut(), self.value);
        vec![made]
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        each_into(inputs[0].data(), outputs[0].data_mut(), self.value);
    }

    fn nature(&self) -> Nature {
        Nature::Elementwise
    }

    fn keeps_samples(&self, _inputs: &[Lying<'_>]) -> bool {
        true
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        pass.apart(|sums| self.backward_into(pass, sums))
    }

    fn backward_into(&self, pass: &Pass<'_, T>, sums: &mut [Option<Sum<T>>]) {
        let [Some(sum)] = sums else {
            return;
        };
        let gradient = pass.gradient(0);
        let (x, y) = (pass.inputs[0], pass.outputs[0].data());
        let (sum, start) = sum.open(x.shape());
        let (x, g) = (x.data(), gradient.data());
        parts(sum, MANY, &|place, sum| {
            let slope = self.slope;
            let term = move |g: T, x: T, y: T| {
                // A gradient of 0 stays one where the slope is infinite, as of the square root at 0.
                if g == T::zero() {
                    T::zero()
                } else {
                    g * slope(x, y)
                }
            };
            let [x, y, g] = [x, y, g].map(|given| given[place * MANY..][..sum.len()].iter());
            let all = sum.iter_mut().zip(x.zip(y).zip(g));
            widest(move || match start {
                Start::Zero => all.for_each(|(sum, ((&x, &y), &g))| *sum = term(g, x, y)),
                Start::Current => all.for_each(|(sum, ((&x, &y), &g))| *sum += term(g, x, y)),
            });
        });
    }
}

/// A function of each element, on all threads if there are many.
fn each_into<T: Real>(x: &[T], made: &mut [T], f: impl Fn(T) -> T + Copy + Sync) {
    parts(made, MANY, &|place, made| {
        let own = f;
        let given = made.iter_mut().zip(&x[place * MANY..]);
        widest(move || given.for_each(|(made, &x)| *made = own(x)));
    });
}
