//! Convolutions and transposed convolutions, of any number of spatial axes and groups.

use rayon::prelude::*;

use super::geometry::Windows;
use crate::array::{Array, size};
use crate::executor::{Call, Made, Nature, Operator, Pass, Problem, affordable};
use crate::product::{Matrix, Start, multiply};
use crate::real::Real;

/// A convolution as a product of its kernel and all that lies under its windows.
struct Convolution {
    windows: Windows,
    samples: usize,
    groups: usize,
    /// Channels of the image (of a transposed convolution, of its output) per group.
    image_channels: usize,
    /// Channels on the windows' side per group.
    window_channels: usize,
    is_transposed: bool,
}

/// `Conv`.
pub(crate) fn convolution<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    lower(call, false)
}

/// `ConvTranspose`.
pub(crate) fn transposed<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    lower(call, true)
}

fn lower<T: Real>(call: &Call<'_, T>, is_transposed: bool) -> Result<Made<T>, Problem> {
    let (x, weight, bias) = (call.float(0)?, call.float(1)?, call.optional(2)?);
    let problem = || call.shapes("image, kernel and groups fit together");
    let &[samples, channels, ref image @ ..] = x.array.shape() else {
        return Err(problem());
    };
    let &[first, second, ref kernel @ ..] = weight.array.shape() else {
        return Err(problem());
    };
    let groups = call.int("group", 1)?;
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(problem)?;
    if image.is_empty() || kernel.len() != image.len() || kernel.contains(&0) {
        return Err(problem());
    }
    let convolution = Convolution {
        windows: match is_transposed {
            false => Windows::of(call, image, kernel)?,
            true => Windows::transposed(call, image, kernel)?,
        },
        samples,
        groups,
        image_channels: second,
        window_channels: first / groups,
        is_transposed,
    };
    let given = match is_transposed {
        false => convolution.image_channels,
        true => convolution.window_channels,
    };
    let made = convolution.output_channels();
    let bias_fits = bias.is_none_or(|bias| bias.array.shape() == [made]);
    if first % groups != 0 || given.checked_mul(groups) != Some(channels) || !bias_fits {
        return Err(problem());
    }
    affordable(&convolution.output_shape())?;
    Made::step(convolution, [x, weight].into_iter().chain(bias))
}

impl Convolution {
    fn output_channels(&self) -> usize {
        self.groups
            * match self.is_transposed {
                false => self.window_channels,
                true => self.image_channels,
            }
    }

    fn output_shape(&self) -> Vec<usize> {
        let mut shape = vec![self.samples, self.output_channels()];
        shape.extend(match self.is_transposed {
            false => &self.windows.count,
            true => &self.windows.image,
        });
        shape
    }

    /// Rows of the columns' matrix: a group's channels times the kernel's elements.
    fn rows(&self) -> usize {
        self.image_channels * self.windows.kernel_len()
    }

    /// A group's image and its windows' side within a sample.
    fn image_len(&self) -> usize {
        self.image_channels * size(&self.windows.image)
    }

    fn window_len(&self) -> usize {
        self.window_channels * self.windows.len()
    }

    fn kernel<'a, T: Real>(&self, weight: &'a [T], group: usize) -> Matrix<'a, T> {
        let len = self.window_channels * self.rows();
        Matrix::new(
            &weight[group * len..][..len],
            self.window_channels,
            self.rows(),
        )
    }

    /// The columns under the windows of a group's image.
    fn columns<'a, T: Real>(&self, image: &'a [T], buffer: &'a mut Vec<T>) -> &'a [T] {
        if self.windows.is_plain() {
            return image;
        }
        buffer.resize(self.rows() * self.windows.len(), T::zero());
        self.windows.gather(image, self.image_channels, buffer);
        buffer
    }

    /// From a sample's images to its windows' side.
    fn down<T: Real>(&self, weight: &[T], images: &[T], windows: &mut [T], is_alone: bool) {
        let mut buffer = Vec::new();
        for group in 0..self.groups {
            let image = &images[group * self.image_len()..][..self.image_len()];
            let columns = self.columns(image, &mut buffer);
            let columns = Matrix::new(columns, self.rows(), self.windows.len());
            let made = &mut windows[group * self.window_len()..][..self.window_len()];
            multiply(
                made,
                self.kernel(weight, group),
                columns,
                Start::Zero,
                is_alone,
            );
        }
    }

    /// From a sample's windows' side to its images.
    fn up<T: Real>(&self, weight: &[T], windows: &[T], images: &mut [T], is_alone: bool) {
        let mut columns = vec![T::zero(); self.rows() * self.windows.len()];
        for group in 0..self.groups {
            let given = &windows[group * self.window_len()..][..self.window_len()];
            let given = Matrix::new(given, self.window_channels, self.windows.len());
            let kernel = self.kernel(weight, group).transposed();
            let image = &mut images[group * self.image_len()..][..self.image_len()];
            if self.windows.is_plain() {
                multiply(image, kernel, given, Start::Zero, is_alone);
            } else {
                multiply(&mut columns, kernel, given, Start::Zero, is_alone);
                self.windows.scatter(&columns, self.image_channels, image);
            }
        }
    }

    /// The gradient of the weight from one sample, added.
    fn weigh<T: Real>(&self, images: &[T], windows: &[T], weight: &mut [T], is_alone: bool) {
        let mut buffer = Vec::new();
        let len = self.window_channels * self.rows();
        for group in 0..self.groups {
            let image = &images[group * self.image_len()..][..self.image_len()];
            let columns = self.columns(image, &mut buffer);
            let columns = Matrix::new(columns, self.rows(), self.windows.len()).transposed();
            let given = &windows[group * self.window_len()..][..self.window_len()];
            let given = Matrix::new(given, self.window_channels, self.windows.len());
            let weight = &mut weight[group * len..][..len];
            multiply(weight, given, columns, Start::Current, is_alone);
        }
    }

    /// `down` or `up` for all samples, side by side.
    fn all<T: Real>(&self, weight: &[T], from: &[T], to: &mut [T], is_down: bool) {
        let (images, windows) = (
            self.groups * self.image_len(),
            self.groups * self.window_len(),
        );
        let (from_len, to_len) = match is_down {
            true => (images, windows),
            false => (windows, images),
        };
        if to_len == 0 || from_len == 0 {
            return;
        }
        let pairs = from.par_chunks(from_len).zip(to.par_chunks_mut(to_len));
        let is_alone = self.samples == 1;
        pairs.for_each(|(from, to)| match is_down {
            true => self.down(weight, from, to, is_alone),
            false => self.up(weight, from, to, is_alone),
        });
    }

    fn weight_gradient<T: Real>(&self, images: &[T], windows: &[T], len: usize) -> Vec<T> {
        let image_len = self.groups * self.image_len();
        let window_len = self.groups * self.window_len();
        let zeros = || vec![T::zero(); len];
        if image_len == 0 || window_len == 0 {
            return zeros();
        }
        let is_alone = self.samples == 1;
        // As many partial sums as there are threads, added in order.
        let share = self.samples.div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<Vec<T>> = images
            .par_chunks(share * image_len)
            .zip(windows.par_chunks(share * window_len))
            .map(|(images, windows)| {
                let mut sum = zeros();
                let samples = images.chunks(image_len).zip(windows.chunks(window_len));
                samples.for_each(|(image, window)| self.weigh(image, window, &mut sum, is_alone));
                sum
            })
            .collect();
        parts.into_iter().fold(zeros(), |mut sum, part| {
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, term)| *sum += term);
            sum
        })
    }
}

impl<T: Real> Operator<T> for Convolution {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(self.output_shape(), T::zero());
        let (x, weight) = (inputs[0].data(), inputs[1].data());
        self.all(weight, x, made.data_mut(), !self.is_transposed);
        if let Some(bias) = inputs.get(2) {
            let area = size(&made.shape()[2..]).max(1);
            let channels = made
                .data_mut()
                .chunks_mut(area)
                .zip(bias.data().iter().cycle());
            channels.for_each(|(channel, &bias)| channel.iter_mut().for_each(|y| *y += bias));
        }
        vec![made]
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let [x, weight] = [pass.inputs[0], pass.inputs[1]];
        let first = pass.if_wanted(0, || {
            let mut result = Array::filled(x.shape(), T::zero());
            self.all(
                weight.data(),
                gradient.data(),
                result.data_mut(),
                self.is_transposed,
            );
            result
        });
        let second = pass.if_wanted(1, || {
            let (images, windows) = match self.is_transposed {
                false => (x.data(), gradient.data()),
                true => (gradient.data(), x.data()),
            };
            let made = self.weight_gradient(images, windows, weight.data().len());
            Array::new(weight.shape(), made).expect("the weight's own shape")
        });
        let mut results = vec![first, second];
        if let Some(bias) = pass.inputs.get(2) {
            results.push(pass.if_wanted(2, || {
                let area = size(&gradient.shape()[2..]).max(1);
                let mut sums = Array::filled(bias.shape(), T::zero());
                let channels = sums.data().len().max(1);
                for (i, part) in gradient.data().chunks(area).enumerate() {
                    sums.data_mut()[i % channels] += part.iter().copied().sum::<T>();
                }
                sums
            }));
        }
        results
    }
}
