//! Pooling: the greatest or the mean of each window.

use rayon::prelude::*;

use super::geometry::Windows;
use crate::array::{Array, size};
use crate::executor::{Call, Made, Operator, Pass, Problem, affordable};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let (is_greatest, is_global) = match operator {
        "MaxPool" => (true, false),
        "GlobalMaxPool" => (true, true),
        "AveragePool" => (false, false),
        "GlobalAveragePool" => (false, true),
        _ => return Ok(None),
    };
    let x = call.float(0)?;
    let &[samples, channels, ref image @ ..] = x.array.shape() else {
        return Err(call.shapes("samples, channels and an image"));
    };
    if call
        .node
        .outputs
        .get(1)
        .is_some_and(|name| !name.is_empty())
    {
        return Err(Problem::Unsupported("the indices of a pooling".to_owned()));
    }
    let kernel = match is_global {
        true => image.to_vec(),
        false => {
            let kernel = call.ints("kernel_shape")?.unwrap_or_default();
            super::shape::sizes("kernel_shape", &kernel)?
        }
    };
    if image.is_empty() || kernel.len() != image.len() || kernel.contains(&0) {
        return Err(call.shapes("the kernel has a size along each axis of the image"));
    }
    let windows = Windows::of(call, image, &kernel)?;
    let mut shape = vec![samples, channels];
    shape.extend(&windows.count);
    affordable(&shape)?;
    let counts = windows.covered(call.int("count_include_pad", 0)? != 0);
    let pool = Pool {
        windows,
        shape,
        kind: match is_greatest {
            true => Kind::Greatest,
            false => Kind::Mean(counts),
        },
    };
    Made::step(pool, [x]).map(Some)
}

struct Pool {
    windows: Windows,
    shape: Vec<usize>,
    kind: Kind,
}

enum Kind {
    Greatest,
    /// By how many elements each window's sum is divided.
    Mean(Vec<usize>),
}

impl Pool {
    /// The places of the greatest element under each window, the first of several; `None` under
    /// windows in the padding.
    fn greatest<T: Real>(&self, image: &[T]) -> Vec<Option<usize>> {
        let mut best: Vec<Option<usize>> = vec![None; self.windows.len()];
        let step = self.windows.step();
        for element in 0..self.windows.kernel_len() {
            for run in self.windows.runs(element) {
                let places = (run.place..).step_by(step);
                for (best, place) in best[run.window..][..run.len].iter_mut().zip(places) {
                    let value = image[place];
                    let is_better = best.is_none_or(|held| value > image[held] || value.is_nan());
                    if is_better {
                        *best = Some(place);
                    }
                }
            }
        }
        best
    }

    fn pooled<T: Real>(&self, image: &[T], made: &mut [T]) {
        match &self.kind {
            Kind::Greatest => {
                for (made, place) in made.iter_mut().zip(self.greatest(image)) {
                    *made = place.map_or(T::neg_infinity(), |place| image[place]);
                }
            }
            Kind::Mean(counts) => {
                for element in 0..self.windows.kernel_len() {
                    self.windows.collect(element, T::one(), image, made);
                }
                for (made, &count) in made.iter_mut().zip(counts) {
                    *made /= T::of(count as f64);
                }
            }
        }
    }

    fn back<T: Real>(&self, image: &[T], gradient: &[T], result: &mut [T]) {
        match &self.kind {
            Kind::Greatest => {
                for (place, &term) in self.greatest(image).into_iter().zip(gradient) {
                    if let Some(place) = place {
                        result[place] += term;
                    }
                }
            }
            Kind::Mean(counts) => {
                let pairs = gradient.iter().zip(counts);
                let shares: Vec<T> = pairs.map(|(&g, &n)| g / T::of(n as f64)).collect();
                for element in 0..self.windows.kernel_len() {
                    self.windows.scatter(element, T::one(), &shares, result);
                }
            }
        }
    }
}

impl<T: Real> Operator<T> for Pool {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(&*self.shape, T::zero());
        let (area, count) = (size(&self.windows.image), self.windows.len());
        if area > 0 && count > 0 {
            let images = inputs[0].data().par_chunks(area);
            let pairs = images.zip(made.data_mut().par_chunks_mut(count));
            pairs.for_each(|(image, made)| self.pooled(image, made));
        }
        vec![made]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let x = pass.inputs[0];
        let mut result = Array::filled(x.shape(), T::zero());
        let (area, count) = (size(&self.windows.image), self.windows.len());
        if area > 0 && count > 0 {
            let given = x
                .data()
                .par_chunks(area)
                .zip(gradient.data().par_chunks(count));
            let all = given.zip(result.data_mut().par_chunks_mut(area));
            all.for_each(|((image, gradient), result)| self.back(image, gradient, result));
        }
        Pass::only(result)
    }
}
