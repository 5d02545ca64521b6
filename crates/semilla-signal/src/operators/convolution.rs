//! Convolutions and transposed convolutions, of any number of spatial axes and groups.

use std::ops::Range;

use rayon::prelude::*;

use super::direct::{Begin, Direct, Group};
use super::geometry::Windows;
use crate::array::{Array, size};
use crate::executor::{Call, Lying, Made, Nature, Operator, Pass, Problem, Sum, affordable};
use crate::product::{Matrix, Start, multiply};
use crate::real::Real;
use crate::sums::{self, add};

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
    /// Where columns are not needed.
    direct: Option<Direct>,
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
    let mut convolution = Convolution {
        windows: match is_transposed {
            false => Windows::of(call, image, kernel)?,
            true => Windows::transposed(call, image, kernel)?,
        },
        samples,
        groups,
        image_channels: second,
        window_channels: first / groups,
        is_transposed,
        direct: None,
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
    if !convolution.is_thin() {
        let channels = [convolution.image_channels, convolution.window_channels];
        convolution.direct = Direct::of(&convolution.windows, channels);
    }
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

    fn kernel<'a, T: Real>(&self, weight: &'a [T], group: usize) -> &'a [T] {
        let len = self.window_channels * self.rows();
        &weight[group * len..][..len]
    }

    /// The elements of all samples' images, and of their windows' sides.
    fn lens(&self) -> (usize, usize) {
        (
            self.groups * self.image_len(),
            self.groups * self.window_len(),
        )
    }

    /// Where a group's channels are within samples.
    fn group(&self, group: usize) -> Group {
        let lens = self.lens();
        Group {
            starts: [group * self.image_len(), group * self.window_len()],
            lens: [lens.0, lens.1],
        }
    }

    /// Whether so few channels come of so little that each element is added where it belongs,
    /// without columns: depthwise convolutions.
    fn is_thin(&self) -> bool {
        self.window_channels < 4
    }

    /// Rows of the columns' matrix that are made at a time; whole channels of the kernel.
    fn block(&self, most: usize) -> usize {
        let kernel = self.windows.kernel_len();
        (most / kernel).max(1) * kernel
    }

    /// Samples whose columns stand side by side.
    fn side_by_side(&self) -> usize {
        let for_width = WIDE.div_ceil(self.windows.len().max(1));
        let for_threads = self.samples.div_ceil(rayon::current_num_threads());
        for_width.min(for_threads).max(1)
    }

    /// Rows of the columns under the windows of a group's images, those of each sample behind one
    /// another. Between calls for the same rows or others of the same block size, what lies in the
    /// padding stays 0.
    fn columns<T: Real>(
        &self,
        rows: &Range<usize>,
        group: usize,
        images: &[T],
        columns: &mut [T],
        stride: usize,
    ) {
        let (area, kernel) = (size(&self.windows.image), self.windows.kernel_len());
        let (image_len, windows) = (self.lens().0, self.windows.len());
        for (row, columns) in rows.clone().zip(columns.chunks_mut(stride)) {
            let channel = group * self.image_channels + row / kernel;
            let samples = images.chunks(image_len).zip(columns.chunks_mut(windows));
            for (image, columns) in samples {
                let image = &image[channel * area..][..area];
                self.windows.gather(row % kernel, image, columns);
            }
        }
    }

    /// A group's side of the windows of several samples as one matrix: a row per channel, samples
    /// behind one another.
    fn side<'a, T: Real>(
        &self,
        group: usize,
        windows: &'a [T],
        buffer: &'a mut Vec<T>,
    ) -> Matrix<'a, T> {
        let (len, all) = (self.windows.len(), self.lens().1);
        let samples = windows.len() / all;
        if samples == 1 {
            let own = &windows[group * self.window_len()..][..self.window_len()];
            return Matrix::new(own, self.window_channels, len);
        }
        buffer.clear();
        for channel in 0..self.window_channels {
            let start = group * self.window_len() + channel * len;
            let samples = windows.chunks(all);
            samples.for_each(|sample| buffer.extend_from_slice(&sample[start..][..len]));
        }
        Matrix::new(buffer, self.window_channels, samples * len)
    }

    /// From samples' images to their windows' sides, added.
    fn down<T: Real>(
        &self,
        weight: &[T],
        images: &[T],
        windows: &mut [T],
        buffers: &mut Buffers<T>,
    ) {
        let (len, (image_len, all)) = (self.windows.len(), self.lens());
        let samples = windows.len() / all;
        let (width, block) = (samples * len, self.block(TALL));
        // The same for all calls, so that padding stays where it is.
        let stride = self.side_by_side() * len;
        let is_direct = self.windows.is_plain() && samples == 1;
        for group in 0..self.groups {
            let weight = self.kernel(weight, group);
            if self.is_thin() {
                for (image, windows) in images.chunks(image_len).zip(windows.chunks_mut(all)) {
                    self.each(group, |image_at, window_at, element, place| {
                        let image = &image[image_at];
                        let windows = &mut windows[window_at];
                        self.windows.collect(element, weight[place], image, windows);
                    });
                }
                continue;
            }
            let kernel = Matrix::new(weight, self.window_channels, self.rows());
            let own = group * self.window_len()..(group + 1) * self.window_len();
            if is_direct {
                let image = &images[group * self.image_len()..][..self.image_len()];
                let image = Matrix::new(image, self.rows(), len);
                multiply(
                    &mut windows[own],
                    kernel,
                    image,
                    Start::Current,
                    self.is_alone(),
                );
                continue;
            }
            buffers.columns.resize(block * stride, T::zero());
            if samples > 1 {
                buffers.side.clear();
                buffers.side.resize(self.window_channels * width, T::zero());
            }
            for rows in blocks(self.rows(), block) {
                self.columns(&rows, group, images, &mut buffers.columns, stride);
                let columns = Matrix::spaced(&buffers.columns, rows.len(), width, stride);
                let made = match samples {
                    1 => &mut windows[own.clone()],
                    _ => &mut buffers.side[..],
                };
                multiply(
                    made,
                    kernel.columns(rows),
                    columns,
                    Start::Current,
                    self.is_alone(),
                );
            }
            if samples > 1 {
                for (channel, row) in buffers.side.chunks(width).enumerate() {
                    let start = own.start + channel * len;
                    for (sample, row) in windows.chunks_mut(all).zip(row.chunks(len)) {
                        add(&mut sample[start..][..len], T::one(), row);
                    }
                }
            }
        }
    }

    /// From samples' windows' sides to their images, added.
    fn up<T: Real>(&self, weight: &[T], windows: &[T], images: &mut [T], buffers: &mut Buffers<T>) {
        let (len, (image_len, all)) = (self.windows.len(), self.lens());
        let samples = windows.len() / all;
        let (width, block) = (samples * len, self.block(TALL));
        let (area, kernel_len) = (size(&self.windows.image), self.windows.kernel_len());
        for group in 0..self.groups {
            let weight = self.kernel(weight, group);
            if self.is_thin() {
                for (image, windows) in images.chunks_mut(image_len).zip(windows.chunks(all)) {
                    self.each(group, |image_at, window_at, element, place| {
                        let image = &mut image[image_at];
                        let windows = &windows[window_at];
                        self.windows.scatter(element, weight[place], windows, image);
                    });
                }
                continue;
            }
            let kernel = Matrix::new(weight, self.window_channels, self.rows());
            let side = self.side(group, windows, &mut buffers.side);
            if self.windows.is_plain() && samples == 1 {
                let image = &mut images[group * self.image_len()..][..self.image_len()];
                multiply(
                    image,
                    kernel.transposed(),
                    side,
                    Start::Current,
                    self.is_alone(),
                );
                continue;
            }
            buffers.columns.resize(block * width, T::zero());
            for rows in blocks(self.rows(), block) {
                let part = kernel.columns(rows.clone()).transposed();
                multiply(
                    &mut buffers.columns,
                    part,
                    side,
                    Start::Zero,
                    self.is_alone(),
                );
                for (row, columns) in rows.zip(buffers.columns.chunks_mut(width)) {
                    let channel = group * self.image_channels + row / kernel_len;
                    let columns = columns.chunks_mut(len);
                    for (image, columns) in images.chunks_mut(image_len).zip(columns) {
                        let image = &mut image[channel * area..][..area];
                        self.windows.scatter_all(row % kernel_len, columns, image);
                    }
                }
            }
        }
    }

    /// Visits the elements of a group's kernel: with the channel's places in a sample's image and
    /// in its windows' side, the element of the kernel, and the place in the group's weight.
    fn each(&self, group: usize, mut f: impl FnMut(Range<usize>, Range<usize>, usize, usize)) {
        let (area, len) = (size(&self.windows.image), self.windows.len());
        let kernel = self.windows.kernel_len();
        for place in 0..self.window_channels * self.rows() {
            let window = group * self.window_len() + place / self.rows() * len;
            let row = place % self.rows();
            let image = (group * self.image_channels + row / kernel) * area;
            f(
                image..image + area,
                window..window + len,
                row % kernel,
                place,
            );
        }
    }

    /// Whether nothing else runs beside a product, which may have all threads then.
    fn is_alone(&self) -> bool {
        self.samples == 1
    }

    /// `down` or `up` for all samples, side by side.
    fn all<T: Real>(
        &self,
        weight: &[T],
        (from, to): (&[T], &mut [T]),
        is_down: bool,
        begin: Begin<'_, T>,
    ) {
        let (images, windows) = self.lens();
        let (from_len, to_len) = match is_down {
            true => (images, windows),
            false => (windows, images),
        };
        // Of no elements nothing is direct.
        if let Some(direct) = &self.direct {
            for group in 0..self.groups {
                let (weight, group) = (self.kernel(weight, group), self.group(group));
                match is_down {
                    true => direct.down(weight, from, to, group, begin),
                    false => direct.up(weight, from, to, group, begin),
                }
            }
            return;
        }
        let channels = self.groups
            * match is_down {
                true => self.window_channels,
                false => self.image_channels,
            };
        let area = (to_len / channels.max(1)).max(1);
        for (place, channel) in to.chunks_mut(area).enumerate() {
            if let Some(number) = begin.of(place % channels) {
                channel.fill(number);
            }
        }
        if to_len == 0 || from_len == 0 {
            return;
        }
        let share = self.side_by_side();
        let pairs = from
            .par_chunks(share * from_len)
            .zip(to.par_chunks_mut(share * to_len));
        pairs.for_each_init(Buffers::default, |buffers, (from, to)| match is_down {
            true => self.down(weight, from, to, buffers),
            false => self.up(weight, from, to, buffers),
        });
    }

    /// The gradient of the weight. Parts of it are made side by side, each from all samples, so
    /// that it does not depend on the number of threads.
    fn weight_gradient<T: Real>(&self, images: &[T], windows: &[T], len: usize) -> Vec<T> {
        let mut made = vec![T::zero(); len];
        let (image_len, all) = self.lens();
        if image_len == 0 || all == 0 {
            return made;
        }
        if let Some(direct) = &self.direct {
            let of_group = (len / self.groups).max(1);
            for (group, made) in made.chunks_mut(of_group).enumerate() {
                direct.weight_gradient(images, windows, made, self.group(group));
            }
            return made;
        }
        if self.is_thin() {
            let of_group = self.window_channels * self.rows();
            let groups = made.par_chunks_mut(of_group.max(1)).enumerate();
            groups.for_each(|(group, made)| {
                for (image, windows) in images.chunks(image_len).zip(windows.chunks(all)) {
                    self.each(group, |image_at, window_at, element, place| {
                        let (image, windows) = (&image[image_at], &windows[window_at]);
                        made[place] += self.windows.along(element, image, windows);
                    });
                }
            });
            return made;
        }
        let share = WIDE.div_ceil(self.windows.len()).min(self.samples);
        let width = share * self.windows.len();
        // At least two blocks per group, where the kernel has as many channels.
        let block = self.block(TALL.min(self.rows().div_ceil(2)));
        let parts: Vec<(usize, Range<usize>)> = (0..self.groups)
            .flat_map(|group| blocks(self.rows(), block).map(move |rows| (group, rows)))
            .collect();
        let is_alone = parts.len() == 1;
        let found: Vec<Vec<T>> = parts
            .par_iter()
            .map_init(Buffers::default, |buffers, (group, rows)| {
                let mut sum = vec![T::zero(); self.window_channels * rows.len()];
                buffers.columns.resize(block * width, T::zero());
                let samples = images.chunks(share * image_len);
                for (images, windows) in samples.zip(windows.chunks(share * all)) {
                    let side = self.side(*group, windows, &mut buffers.side);
                    let is_direct = self.windows.is_plain() && windows.len() == all;
                    let columns = match is_direct {
                        true => {
                            let start = group * self.image_len() + rows.start * width;
                            Matrix::new(&images[start..], rows.len(), width)
                        }
                        false => {
                            self.columns(rows, *group, images, &mut buffers.columns, width);
                            let count = windows.len() / all * self.windows.len();
                            Matrix::spaced(&buffers.columns, rows.len(), count, width)
                        }
                    };
                    multiply(
                        &mut sum,
                        side,
                        columns.transposed(),
                        Start::Current,
                        is_alone,
                    );
                }
                sum
            })
            .collect();
        for ((group, rows), part) in parts.into_iter().zip(found) {
            let start = group * self.window_channels * self.rows() + rows.start;
            let of_channels = made[start..].chunks_mut(self.rows());
            for (weight, part) in of_channels.zip(part.chunks(rows.len())) {
                weight[..part.len()].copy_from_slice(part);
            }
        }
        made
    }
}

/// Columns that a product should have at least, where there are enough samples.
const WIDE: usize = 192;
/// Rows of columns that are made at a time, so that they stay in the cache.
const TALL: usize = 512;

/// What a thread keeps from product to product.
#[derive(Default)]
struct Buffers<T> {
    columns: Vec<T>,
    side: Vec<T>,
}

/// Ranges of a length, one behind the other.
fn blocks(end: usize, len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..end)
        .step_by(len)
        .map(move |start| start..end.min(start + len))
}

impl<T: Real> Operator<T> for Convolution {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = [Array::filled(self.output_shape(), T::zero())];
        self.forward_into(inputs, &mut made);
        made.into()
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        let (x, weight) = (inputs[0].data(), inputs[1].data());
        let begin = inputs
            .get(2)
            .map_or(Begin::Zero, |bias| Begin::Each(bias.data()));
        let made = outputs[0].data_mut();
        self.all(weight, (x, made), !self.is_transposed, begin);
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn keeps_samples(&self, inputs: &[Lying<'_>]) -> bool {
        Lying::only_first(inputs)
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        pass.apart(|sums| self.backward_into(pass, sums))
    }

    fn backward_into(&self, pass: &Pass<'_, T>, sums: &mut [Option<Sum<T>>]) {
        let gradient = pass.gradient(0);
        let [x, weight] = [pass.inputs[0], pass.inputs[1]];
        if let Some(sum) = &mut sums[0] {
            let (sum, start) = sum.open(x.shape());
            let begin = match start {
                Start::Zero => Begin::Zero,
                Start::Current => Begin::Current,
            };
            let pair = (gradient.data(), sum);
            self.all(weight.data(), pair, self.is_transposed, begin);
        }
        if let Some(sum) = &mut sums[1] {
            let (images, windows) = match self.is_transposed {
                false => (x.data(), gradient.data()),
                true => (gradient.data(), x.data()),
            };
            let made = self.weight_gradient(images, windows, weight.data().len());
            sum.add(Array::new(weight.shape(), made).expect("the weight's own shape"));
        }
        if let (Some(bias), Some(Some(sum))) = (pass.inputs.get(2), sums.get_mut(2)) {
            let area = size(&gradient.shape()[2..]).max(1);
            let of_channels = sum.open_zeroed(bias.shape());
            let channels = of_channels.len().max(1);
            for (i, part) in gradient.data().chunks(area).enumerate() {
                of_channels[i % channels] += sums::sum(part);
            }
        }
    }
}
