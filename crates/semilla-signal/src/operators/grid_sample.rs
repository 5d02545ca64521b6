//! Images looked at in places that a grid of numbers gives.

use crate::array::{Array, size, strides};
use crate::executor::{Call, Made, Operator, Pass, Problem, affordable};
use crate::real::Real;

/// `GridSample`: the nearest element, or the neighbours weighed by their distance along each axis.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let (x, grid) = (call.float(0)?, call.float(1)?);
    let problem = || call.shapes("an image, and a grid with a place for each of its axes");
    let &[samples, channels, ref image @ ..] = x.array.shape() else {
        return Err(problem());
    };
    let axes = image.len();
    let Some((&coordinates, points)) = grid.array.shape().split_last() else {
        return Err(problem());
    };
    let fits = points.len() == axes + 1 && points[0] == samples && coordinates == axes;
    if !fits || !(1..=3).contains(&axes) || image.contains(&0) {
        return Err(problem());
    }
    let is_linear = match call.text("mode", "linear")? {
        "linear" | "bilinear" => true,
        "nearest" => false,
        other => return Err(Problem::Unsupported(format!("the mode {other:?}"))),
    };
    let padding = match call.text("padding_mode", "zeros")? {
        "zeros" => Padding::Zeros,
        "border" => Padding::Border,
        "reflection" => Padding::Reflection,
        other => return Err(Problem::Unsupported(format!("the padding {other:?}"))),
    };
    let shape = [&[samples, channels], &points[1..]].concat();
    affordable(&shape)?;
    let sample = GridSample {
        samples,
        channels,
        image: image.to_vec(),
        shape,
        points: size(&points[1..]),
        is_linear,
        is_aligned: call.int("align_corners", 0)? != 0,
        padding,
    };
    Made::step(sample, [x, grid])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

struct GridSample {
    samples: usize,
    channels: usize,
    image: Vec<usize>,
    shape: Vec<usize>,
    points: usize,
    is_linear: bool,
    /// Whether -1 and 1 are the centres of the outermost elements, and not their outer edges.
    is_aligned: bool,
    padding: Padding,
}

/// An element that a point looks at.
struct Corner<T> {
    /// Its place in the image.
    place: usize,
    weight: T,
    /// The slope of the weight along each number of the grid.
    slopes: [T; 3],
}

impl GridSample {
    /// Where a number of the grid is along an axis, in elements, and the slope of that.
    fn along<T: Real>(&self, axis: usize, number: T) -> (T, T) {
        let size = T::of(self.image[axis] as f64);
        let (half, one) = (T::of(0.5), T::one());
        let (at, slope) = match self.is_aligned {
            true => ((number + one) * half * (size - one), half * (size - one)),
            false => (((number + one) * size - one) * half, half * size),
        };
        let (at, slope) = match (self.padding, self.is_aligned) {
            (Padding::Reflection, true) => reflected(at, slope, T::zero(), size - one),
            (Padding::Reflection, false) => reflected(at, slope, -half, size - half),
            _ => (at, slope),
        };
        let is_inside = at >= T::zero() && at <= size - one;
        match self.padding {
            Padding::Border | Padding::Reflection if !is_inside => {
                (at.max(T::zero()).min(size - one), T::zero())
            }
            _ => (at, slope),
        }
    }

    /// The elements that a point looks at.
    fn corners<T: Real>(&self, point: &[T]) -> Vec<Corner<T>> {
        let axes = self.image.len();
        let own = strides(&self.image);
        let mut corners = vec![Corner {
            place: 0,
            weight: T::one(),
            slopes: [T::zero(); 3],
        }];
        for (axis, &step) in own.iter().enumerate() {
            // The last axis comes first in the grid.
            let number = axes - 1 - axis;
            let (at, slope) = self.along(axis, point[number]);
            let first = if self.is_linear {
                at.floor()
            } else {
                super::activation::round_half_even(at)
            };
            let rest = at - first;
            let neighbours: &[(T, T, T)] = match self.is_linear {
                true => &[
                    (first, T::one() - rest, -slope),
                    (first + T::one(), rest, slope),
                ],
                false => &[(first, T::one(), T::zero())],
            };
            let size = T::of(self.image[axis] as f64);
            let mut next = Vec::new();
            for corner in &corners {
                for &(index, weight, slope) in neighbours {
                    // NaN is nowhere.
                    if !(index >= T::zero() && index < size) {
                        continue;
                    }
                    let mut slopes = corner.slopes.map(|outer| outer * weight);
                    slopes[number] = corner.weight * slope;
                    next.push(Corner {
                        place: corner.place + index.f64() as usize * step as usize,
                        weight: corner.weight * weight,
                        slopes,
                    });
                }
            }
            corners = next;
        }
        corners
    }

    /// Visits the elements that each point looks at, in each channel: with their places in the
    /// image and in the output, and the point's own in the grid.
    fn each<T: Real>(&self, grid: &[T], mut f: impl FnMut(usize, usize, usize, &Corner<T>)) {
        let (axes, area) = (self.image.len(), size(&self.image));
        for (at, point) in grid.chunks(axes).enumerate() {
            let (sample, place) = (at / self.points, at % self.points);
            for corner in self.corners(point) {
                for channel in 0..self.channels {
                    let row = sample * self.channels + channel;
                    f(
                        row * area + corner.place,
                        row * self.points + place,
                        at * axes,
                        &corner,
                    );
                }
            }
        }
    }
}

/// A place mirrored at both ends until it is between them.
fn reflected<T: Real>(at: T, slope: T, low: T, high: T) -> (T, T) {
    let span = high - low;
    if span <= T::zero() {
        return (T::zero(), T::zero());
    }
    let away = at - low;
    let turns = (away / span).floor();
    let rest = away - turns * span;
    match turns.abs() % T::of(2.0) == T::zero() {
        true => (low + rest, slope),
        false => (high - rest, -slope),
    }
}

impl<T: Real> Operator<T> for GridSample {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(&*self.shape, T::zero());
        debug_assert_eq!(
            self.samples * self.points * self.image.len(),
            inputs[1].data().len()
        );
        let (x, y) = (inputs[0].data(), made.data_mut());
        self.each(inputs[1].data(), |from, to, _, corner| {
            y[to] += corner.weight * x[from]
        });
        vec![made]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let (gradient, x) = (pass.gradient(0), pass.inputs[0].data());
        let (g, grid) = (gradient.data(), pass.inputs[1].data());
        let first = pass.if_wanted(0, || {
            let mut result = Array::filled(pass.inputs[0].shape(), T::zero());
            let sums = result.data_mut();
            self.each(grid, |from, to, _, corner| {
                sums[from] += corner.weight * g[to]
            });
            result
        });
        let second = pass.if_wanted(1, || {
            let mut result = Array::filled(pass.inputs[1].shape(), T::zero());
            let sums = result.data_mut();
            let axes = self.image.len();
            self.each(grid, |from, to, point, corner| {
                for (sum, &slope) in sums[point..point + axes].iter_mut().zip(&corner.slopes) {
                    *sum += g[to] * x[from] * slope;
                }
            });
            result
        });
        vec![first, second]
    }
}
