//! Softmax and its logarithm.

use crate::array::{Array, around, size};
use crate::executor::{Call, Made, Operator, Pass, Problem};
use crate::real::Real;

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
    /// The places of each distribution.
    fn each(&self, mut f: impl FnMut(std::iter::StepBy<std::ops::Range<usize>>)) {
        let (outer, len, inner) = self.sizes;
        if len == 0 {
            return;
        }
        for row in 0..outer {
            for column in 0..inner {
                let start = row * len * inner + column;
                f((start..start + (len - 1) * inner + 1).step_by(inner));
            }
        }
    }
}

impl<T: Real> Operator<T> for Softmax {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let x = inputs[0].data();
        let mut made = Array::filled(inputs[0].shape(), T::zero());
        let y = made.data_mut();
        self.each(|places| {
            let greatest = places
                .clone()
                .map(|at| x[at])
                .fold(T::neg_infinity(), T::max);
            let mut sum = T::zero();
            for at in places.clone() {
                y[at] = (x[at] - greatest).exp();
                sum += y[at];
            }
            for at in places {
                y[at] = match self.is_log {
                    true => x[at] - greatest - sum.ln(),
                    false => y[at] / sum,
                };
            }
        });
        vec![made]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let (g, y) = (gradient.data(), pass.outputs[0].data());
        let mut made = Array::filled(gradient.shape(), T::zero());
        let result = made.data_mut();
        self.each(|places| match self.is_log {
            true => {
                let sum: T = places.clone().map(|at| g[at]).sum();
                places.for_each(|at| result[at] = g[at] - y[at].exp() * sum);
            }
            false => {
                let sum: T = places.clone().map(|at| g[at] * y[at]).sum();
                places.for_each(|at| result[at] = y[at] * (g[at] - sum));
            }
        });
        Pass::only(made)
    }
}
