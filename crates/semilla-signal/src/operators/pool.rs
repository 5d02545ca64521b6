//! Pooling: the greatest or the mean of each window.

use pulp::{Arch, NullaryFnOnce};

use super::geometry::Windows;
use super::quarters::{Quarters, given, raise};
use crate::array::{Array, size};
use crate::executor::{Call, Lying, Made, Operator, Pass, Problem, Sum, affordable};
use crate::parallel::parts;
use crate::product::Start;
use crate::real::Real;
use crate::sums::MANY;

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
        tile: windows.tile(),
        quarters: Quarters::of(&windows).filter(|_| is_greatest),
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
    /// The width of windows that lie side by side.
    tile: Option<usize>,
    /// Squares of four elements whose greatest is taken.
    quarters: Option<Quarters>,
    shape: Vec<usize>,
    kind: Kind,
}

enum Kind {
    Greatest,
    /// By how many elements each window's sum is divided.
    Mean(Vec<usize>),
}

impl Pool {
    #[inline(always)]
    fn pooled<T: Real>(&self, image: &[T], made: &mut [T]) {
        match &self.kind {
            Kind::Greatest => {
                made.fill(T::neg_infinity());
                match self.tile {
                    Some(2) => self.greatest_of_tiles::<2, T>(image, made),
                    Some(3) => self.greatest_of_tiles::<3, T>(image, made),
                    _ => self.greatest(image, made),
                }
            }
            Kind::Mean(counts) => {
                made.fill(T::zero());
                for element in 0..self.windows.kernel_len() {
                    self.windows.collect(element, T::one(), image, made);
                }
                for (made, &count) in made.iter_mut().zip(counts) {
                    *made /= T::of(count as f64);
                }
            }
        }
    }

    /// Adds the gradients of windows to those of the image: of the greatest elements to the first
    /// of each window. `left` is the windows' gradient, and is used up.
    #[inline(always)]
    fn back<T: Real>(&self, image: &[T], made: &[T], left: &mut [T], result: &mut [T]) {
        match &self.kind {
            Kind::Greatest => match self.tile {
                Some(2) => self.back_to_tiles::<2, T>(image, made, left, result),
                Some(3) => self.back_to_tiles::<3, T>(image, made, left, result),
                _ => self.back_to_greatest(image, made, left, result),
            },
            Kind::Mean(counts) => {
                let pairs = left.iter_mut().zip(counts);
                pairs.for_each(|(left, &count)| *left /= T::of(count as f64));
                for element in 0..self.windows.kernel_len() {
                    self.windows.scatter(element, T::one(), left, result);
                }
            }
        }
    }
}

/// The greatest of each window. Each function visits the elements of a window in the same order.
impl Pool {
    #[inline(always)]
    fn greatest<T: Real>(&self, image: &[T], made: &mut [T]) {
        let step = self.windows.step();
        for element in 0..self.windows.kernel_len() {
            for run in self.windows.runs(element) {
                let values = image[run.place..].iter().step_by(step);
                let made = made[run.window..][..run.len].iter_mut();
                made.zip(values)
                    .for_each(|(made, &value)| raise(made, value));
            }
        }
    }

    /// The same where windows lie side by side: all elements of a row of theirs at once.
    #[inline(always)]
    fn greatest_of_tiles<const W: usize, T: Real>(&self, image: &[T], made: &mut [T]) {
        for first in (0..self.windows.kernel_len()).step_by(W) {
            for run in self.windows.runs(first) {
                let (rows, _) = image[run.place..][..W * run.len].as_chunks::<W>();
                let made = made[run.window..][..run.len].iter_mut();
                made.zip(rows)
                    .for_each(|(made, row)| row.iter().for_each(|&value| raise(made, value)));
            }
        }
    }

    #[inline(always)]
    fn back_to_greatest<T: Real>(&self, image: &[T], made: &[T], left: &mut [T], result: &mut [T]) {
        let step = self.windows.step();
        for element in 0..self.windows.kernel_len() {
            for run in self.windows.runs(element) {
                let values = image[run.place..].iter().step_by(step);
                let sums = result[run.place..].iter_mut().step_by(step);
                let windows = run.window..run.window + run.len;
                let windows = left[windows.clone()].iter_mut().zip(&made[windows]);
                for ((left, &made), (&value, sum)) in windows.zip(values.zip(sums)) {
                    *sum += given(value, made, left);
                }
            }
        }
    }

    /// The same where windows lie side by side.
    #[inline(always)]
    fn back_to_tiles<const W: usize, T: Real>(
        &self,
        image: &[T],
        made: &[T],
        left: &mut [T],
        result: &mut [T],
    ) {
        for first in (0..self.windows.kernel_len()).step_by(W) {
            for run in self.windows.runs(first) {
                let (rows, _) = image[run.place..][..W * run.len].as_chunks::<W>();
                let (sums, _) = result[run.place..][..W * run.len].as_chunks_mut::<W>();
                let windows = run.window..run.window + run.len;
                let windows = left[windows.clone()].iter_mut().zip(&made[windows]);
                for ((left, &made), (row, sums)) in windows.zip(rows.iter().zip(sums)) {
                    let pairs = row.iter().zip(sums);
                    pairs.for_each(|(&value, sum)| *sum += given(value, made, left));
                }
            }
        }
    }
}

/// Images on their way to windows, one behind the other.
struct Pooled<'a, T> {
    pool: &'a Pool,
    images: &'a [T],
    made: &'a mut [T],
}

impl<T: Real> NullaryFnOnce for Pooled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let windows = &self.pool.windows;
        if let Some(quarters) = &self.pool.quarters {
            return quarters.greatest(self.images, self.made);
        }
        let images = self.images.chunks(size(&windows.image));
        for (image, made) in images.zip(self.made.chunks_mut(windows.len())) {
            self.pool.pooled(image, made);
        }
    }
}

/// Gradients on their way back to images.
struct Returned<'a, T> {
    pool: &'a Pool,
    images: &'a [T],
    made: &'a [T],
    gradients: &'a [T],
    /// What is left of an image's gradients.
    left: &'a mut [T],
    sums: &'a mut [T],
    start: Start,
}

impl<T: Real> NullaryFnOnce for Returned<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let windows = &self.pool.windows;
        let (area, count) = (size(&windows.image), windows.len());
        if let (Some(quarters), Start::Zero) = (&self.pool.quarters, self.start) {
            let made = &self.made[..self.sums.len() / 4];
            return quarters.back(self.images, made, self.gradients, self.sums);
        }
        let given = self.images.chunks(area).zip(self.made.chunks(count));
        let given = given.zip(self.gradients.chunks(count));
        for (((image, made), gradient), sum) in given.zip(self.sums.chunks_mut(area)) {
            self.left.copy_from_slice(gradient);
            if self.start == Start::Zero {
                sum.fill(T::zero());
            }
            self.pool.back(image, made, self.left, sum);
        }
    }
}

impl<T: Real> Operator<T> for Pool {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = [Array::filled(&*self.shape, T::zero())];
        self.forward_into(inputs, &mut made);
        made.into()
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        let (area, count) = (size(&self.windows.image), self.windows.len());
        if area > 0 && count > 0 {
            let images = inputs[0].data();
            let share = MANY.div_ceil(area);
            parts(outputs[0].data_mut(), share * count, &|place, made| {
                Arch::new().dispatch(Pooled {
                    pool: self,
                    images: &images[place * share * area..],
                    made,
                });
            });
        }
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
        let (x, made) = (pass.inputs[0], pass.outputs[0].data());
        let (sum, start) = sum.open(x.shape());
        let (area, count) = (size(&self.windows.image), self.windows.len());
        if count == 0 && start == Start::Zero {
            sum.fill(T::zero());
        }
        if area > 0 && count > 0 {
            let share = MANY.div_ceil(area);
            parts(sum, share * area, &|place, sums| {
                let first = place * share;
                Arch::new().dispatch(Returned {
                    pool: self,
                    images: &x.data()[first * area..],
                    made: &made[first * count..],
                    gradients: &gradient.data()[first * count..],
                    left: &mut vec![T::zero(); count],
                    sums,
                    start,
                });
            });
        }
    }
}
