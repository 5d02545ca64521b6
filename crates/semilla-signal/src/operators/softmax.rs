//! Softmax and its logarithm.

use rayon::prelude::*;

use crate::array::{Array, around, size};
use crate::executor::{Call, Made, Operator, Pass, Problem};
use crate::real::Real;
use crate::sums::MANY;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let is_log = match operator {
        "Softmax" => false,
        "LogSoftmax" => true,
        _ => return Ok(None),
    };
    let x = call.float(0)?;
    let shape = x.array.shape();
    let is_old = call.opset < 13;
    let axis = call.axis(call.int("axis", if is_old { 1 } else { -1 })?, shape.len())?;
    // Before version 13 all axes from the given one on were one.
    let sizes = match is_old {
        true => (size(&shape[..axis]), size(&shape[axis..]), 1),
        false => around(shape, axis),
    };
    Made::step(Softmax { sizes, is_log }, [x]).map(Some)
}

struct Softmax {
    /// Outer, along, inner.
    sizes: (usize, usize, usize),
    is_log: bool,
}

impl Softmax {
    /// The places of each distribution within a block of them.
    fn each(&self) -> impl Iterator<Item = std::iter::StepBy<std::ops::Range<usize>>> {
        let (_, len, inner) = self.sizes;
        (0..inner).map(move |start| (start..start + (len - 1) * inner + 1).step_by(inner))
    }

    /// The elements of a block of distributions; at least 1.
    fn block(&self) -> usize {
        (self.sizes.1 * self.sizes.2).max(1)
    }

    /// Blocks that are worth a thread.
    fn share(&self) -> usize {
        (MANY / 4).div_ceil(self.block())
    }

    fn of_block<T: Real>(&self, x: &[T], y: &mut [T]) {
        for places in self.each() {
            let all = places.clone().map(|at| x[at]);
            let greatest = all.fold(T::neg_infinity(), T::max);
            let mut sum = T::zero();
            for at in places.clone() {
                y[at] = (x[at] - greatest).smooth_exp();
                sum += y[at];
            }
            let log = sum.ln();
            for at in places {
                y[at] = match self.is_log {
                    true => x[at] - greatest - log,
                    false => y[at] / sum,
                };
            }
        }
    }

    fn back<T: Real>(&self, y: &[T], g: &[T], result: &mut [T]) {
        for places in self.each() {
            match self.is_log {
                true => {
                    let sum: T = places.clone().map(|at| g[at]).sum();
                    places.for_each(|at| result[at] = g[at] - y[at].smooth_exp() * sum);
                }
                false => {
                    let sum: T = places.clone().map(|at| g[at] * y[at]).sum();
                    places.for_each(|at| result[at] = y[at] * (g[at] - sum));
                }
            }
        }
    }
}

impl<T: Real> Operator<T> for Softmax {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(inputs[0].shape(), T::zero());
        let blocks = made.data_mut().par_chunks_mut(self.block());
        let blocks = blocks.zip(inputs[0].data().par_chunks(self.block()));
        let blocks = blocks.with_min_len(self.share());
        blocks.for_each(|(y, x)| self.of_block(x, y));
        vec![made]
    }

    fn is_symmetric(&self) -> bool {
        !self.is_log
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let (gradient, block) = (pass.gradient(0), self.block());
        let mut made = Array::filled(gradient.shape(), T::zero());
        let given = pass.outputs[0].data().par_chunks(block);
        let given = given.zip(gradient.data().par_chunks(block));
        let blocks = made.data_mut().par_chunks_mut(block).zip(given);
        let blocks = blocks.with_min_len(self.share());
        blocks.for_each(|(result, (y, g))| self.back(y, g, result));
        Pass::only(made)
    }
}
