//! Convolutions whose windows move by one element, without columns: images lie within their padding,
//! so that each element of the kernel is one distance from window to element.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::geometry::Windows;
use super::tiles::{Channels, Correlate, GROUP, Products, ROOM, ROWS};
use crate::array::{checked_size, size, strides};
use crate::real::Real;
use crate::scratch::Scratch;

/// A convolution of one group of channels.
pub(super) struct Direct {
    /// Channels of the image, and of the windows' side.
    channels: [usize; 2],
    /// From images to windows.
    down: Frame,
    /// From windows to images: the kernel turned around.
    up: Frame,
}

/// Images within their padding, and windows that move over them by one element.
struct Frame {
    /// Where rows of an image lie, in their order, and the length of each.
    rows: Vec<usize>,
    row_len: usize,
    /// Where rows of windows begin, and the length of each.
    made: Vec<usize>,
    made_len: usize,
    /// The distance from a window to what it has under each element of the kernel.
    taps: Vec<usize>,
    /// The elements from the first window to the last, rounded up.
    reach: usize,
    /// The elements of a channel, with what is read behind them.
    stride: usize,
}

impl Frame {
    /// Images with so much padding before them, made so large; distances grow with the kernel's
    /// elements, or fall if it is turned around.
    fn new(
        image: &[usize],
        before: &[usize],
        made: &[usize],
        (kernel, dilations): (&[usize], &[usize]),
        is_turned: bool,
    ) -> Option<Self> {
        let axes = 0..image.len();
        let sizes: Vec<usize> = axes
            .clone()
            .map(|axis| made[axis] + (kernel[axis] - 1) * dilations[axis])
            .collect();
        checked_size(&sizes).filter(|&size| size < LARGEST)?;
        let own: Vec<usize> = strides(&sizes).into_iter().map(|s| s as usize).collect();
        let place = |index: &[usize]| -> usize { index.iter().zip(&own).map(|(i, s)| i * s).sum() };
        let rows_of = |shape: &[usize], first: usize| -> Vec<usize> {
            let heads = super::shape::indices(&shape[..shape.len() - 1]);
            heads.map(|index| first + place(&index)).collect()
        };
        let taps = super::shape::indices(kernel).map(|index| {
            let far = axes.clone().map(|axis| match is_turned {
                false => index[axis] * dilations[axis],
                true => (kernel[axis] - 1 - index[axis]) * dilations[axis],
            });
            place(&far.collect::<Vec<usize>>())
        });
        let taps: Vec<usize> = taps.collect();
        let made_rows = rows_of(made, 0);
        let made_len = made.last().copied().unwrap_or(1);
        let reach = made_rows.last().map_or(0, |last| last + made_len);
        let reach = reach.next_multiple_of(ROOM);
        let farthest = taps.iter().copied().max().unwrap_or(0);
        Some(Self {
            rows: rows_of(image, place(before)),
            row_len: image.last().copied().unwrap_or(1),
            made: made_rows,
            made_len,
            stride: size(&sizes).max(farthest + reach).next_multiple_of(ROOM),
            taps,
            reach,
        })
    }

    /// Puts channels of an image into a frame, with 0 around them.
    fn put<T: Real>(&self, image: &[T], framed: &mut [T]) {
        let channels = image.chunks_exact(self.rows.len() * self.row_len);
        for (channel, framed) in channels.zip(framed.chunks_exact_mut(self.stride)) {
            lay(channel, self.row_len, &self.rows, framed);
        }
    }

    /// Puts channels of the windows' side where windows are, with 0 between the rows.
    fn spread<T: Real>(&self, windows: &[T], spread: &mut [T]) {
        let channels = windows.chunks_exact(self.made.len() * self.made_len);
        for (channel, spread) in channels.zip(spread.chunks_exact_mut(self.reach)) {
            lay(channel, self.made_len, &self.made, spread);
        }
    }

    /// The part of what is computed that is wanted.
    fn worth(&self) -> f64 {
        (self.made.len() * self.made_len) as f64 / self.reach.max(1) as f64
    }
}

/// Lays rows at their places, with 0 around them.
fn lay<T: Real>(rows: &[T], row_len: usize, places: &[usize], to: &mut [T]) {
    to.fill(T::zero());
    for (row, &place) in rows.chunks_exact(row_len).zip(places) {
        to[place..][..row_len].copy_from_slice(row);
    }
}

/// The elements of a frame are fewer.
const LARGEST: usize = 1 << 31;

/// Below this part of what is computed, columns are faster.
const WORTH: f64 = 0.5;

/// Products of one channel of a sample, below which several samples side by side are faster.
const MUCH: usize = 1 << 12;

/// Elements of frames that are looked at again and again, so that they stay in the cache.
const NEAR: usize = 1 << 16;

impl Direct {
    /// `None` where windows leave elements out, where padding is wider than a window reaches, and
    /// where columns are faster: without a neighbourhood, and of small images.
    pub(super) fn of(windows: &Windows, channels: [usize; 2]) -> Option<Self> {
        let (dilations, before) = windows.sliding()?;
        let kernel = &*windows.kernel;
        let after: Option<Vec<usize>> = (0..kernel.len())
            .map(|axis| ((kernel[axis] - 1) * dilations[axis]).checked_sub(before[axis]))
            .collect();
        let (image, made) = (&*windows.image, &*windows.count);
        let after = after?;
        // What is turned around has to lie within its frame.
        let fits = (0..kernel.len()).all(|axis| made[axis] <= image[axis] + before[axis]);
        if size(kernel) == 1 || !fits || size(image) == 0 || size(made) == 0 {
            return None;
        }
        let taps = (kernel, &*dilations);
        let direct = Self {
            channels,
            down: Frame::new(image, &before, made, taps, false)?,
            up: Frame::new(made, &after, image, taps, true)?,
        };
        let is_worth = |frame: &Frame, from: usize| {
            let products = from.saturating_mul(frame.taps.len() * frame.reach);
            frame.worth() >= WORTH && products >= MUCH
        };
        let is_worth = is_worth(&direct.down, channels[0]) && is_worth(&direct.up, channels[1]);
        is_worth.then_some(direct)
    }

    /// Adds to the windows' side of samples, of which a group's images and windows begin at
    /// `starts` and are `lens` apart.
    pub(super) fn down<T: Real>(
        &self,
        weight: &[T],
        images: &[T],
        windows: &mut [T],
        group: Group,
        begin: Begin<'_, T>,
    ) {
        let [from, to] = self.channels;
        let taps = self.down.taps.len();
        let packed = pack(to, from * taps, |made, at| weight[made * from * taps + at]);
        correlate(
            &self.down,
            [from, to],
            &packed,
            (images, windows),
            group,
            begin,
        );
    }

    /// Adds to the images of samples.
    pub(super) fn up<T: Real>(
        &self,
        weight: &[T],
        windows: &[T],
        images: &mut [T],
        group: Group,
        begin: Begin<'_, T>,
    ) {
        let [to, from] = self.channels;
        let taps = self.up.taps.len();
        let packed = pack(to, from * taps, |made, at| {
            weight[(at / taps * to + made) * taps + at % taps]
        });
        let turned = Group {
            starts: [group.starts[1], group.starts[0]],
            lens: [group.lens[1], group.lens[0]],
        };
        correlate(
            &self.up,
            [from, to],
            &packed,
            (windows, images),
            turned,
            begin,
        );
    }

    /// Adds the gradient of the weight. Each part of it is made from all samples in their order, so
    /// that it does not depend on the number of threads.
    pub(super) fn weight_gradient<T: Real>(
        &self,
        images: &[T],
        windows: &[T],
        made: &mut [T],
        group: Group,
    ) {
        let ([channels, rows], frame) = (self.channels, &self.down);
        let (image_sample, rows_sample) = (channels * frame.stride, rows * frame.reach);
        let samples = images.len() / group.lens[0];
        let share = (NEAR / (image_sample + rows_sample)).clamp(1, samples.max(1));
        let mut framed = Scratch::new(share * image_sample);
        let mut spread = Scratch::new(share * rows_sample);
        let offsets: Vec<usize> = (0..channels)
            .flat_map(|channel| {
                frame
                    .taps
                    .iter()
                    .map(move |tap| channel * frame.stride + tap)
            })
            .collect();
        let image_len = channels * frame.rows.len() * frame.row_len;
        let rows_len = rows * frame.made.len() * frame.made_len;
        let parts = images
            .chunks(share * group.lens[0])
            .zip(windows.chunks(share * group.lens[1]));
        for (images, windows) in parts {
            let count = images.len() / group.lens[0];
            let framed = &mut framed[..count * image_sample];
            let spread = &mut spread[..count * rows_sample];
            let both = framed
                .par_chunks_mut(image_sample)
                .zip(spread.par_chunks_mut(rows_sample));
            both.enumerate().for_each(|(sample, (framed, spread))| {
                let at = |i: usize| sample * group.lens[i] + group.starts[i];
                frame.put(&images[at(0)..][..image_len], framed);
                frame.spread(&windows[at(1)..][..rows_len], spread);
            });
            let tiles = made.par_chunks_mut(ROWS * offsets.len()).enumerate();
            tiles.for_each(|(tile, made)| {
                Arch::new().dispatch(Products {
                    rows: spread,
                    rows_sample,
                    first: tile * ROWS * frame.reach,
                    count: made.len() / offsets.len(),
                    reach: frame.reach,
                    images: framed,
                    image_sample,
                    offsets: &offsets,
                    made,
                });
            });
        }
    }
}

/// Where a group's channels are: of what is read and of what is made, where they begin within a
/// sample, and how long a sample is.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) starts: [usize; 2],
    pub(super) lens: [usize; 2],
}

/// What is added to: what is there, or what takes its place.
#[derive(Clone, Copy)]
pub(super) enum Begin<'a, T> {
    Current,
    Zero,
    /// A number for each channel of a sample.
    Each(&'a [T]),
}

impl<T: Real> Begin<'_, T> {
    /// What takes the place of a channel's elements; `None` if they stay.
    pub(super) fn of(&self, channel: usize) -> Option<T> {
        match self {
            Self::Current => None,
            Self::Zero => Some(T::zero()),
            Self::Each(numbers) => Some(numbers[channel]),
        }
    }
}

/// Weights in groups of [`GROUP`] made channels: for each element that is read, those of all of the
/// group. What is missing in the last group is 0.
fn pack<T: Real>(made: usize, read: usize, weight: impl Fn(usize, usize) -> T) -> Vec<T> {
    let mut packed = vec![T::zero(); made.next_multiple_of(GROUP) * read];
    for (group, packed) in packed.chunks_exact_mut(GROUP * read).enumerate() {
        for i in 0..GROUP.min(made - group * GROUP) {
            for at in 0..read {
                packed[at * GROUP + i] = weight(group * GROUP + i, at);
            }
        }
    }
    packed
}

/// Adds to the samples that are made, side by side.
fn correlate<T: Real>(
    frame: &Frame,
    [from, to]: [usize; 2],
    packed: &[T],
    (read, made): (&[T], &mut [T]),
    group: Group,
    begin: Begin<'_, T>,
) {
    let read_len = from * frame.rows.len() * frame.row_len;
    let channel = frame.made.len() * frame.made_len;
    let samples = read
        .par_chunks(group.lens[0])
        .zip(made.par_chunks_mut(group.lens[1]));
    let first = group.starts[1] / channel;
    let frames = || Scratch::new(from * frame.stride);
    samples.for_each_init(frames, |framed, (read, made)| {
        frame.put(&read[group.starts[0]..][..read_len], framed);
        let from = Channels {
            data: framed,
            stride: frame.stride,
            taps: &frame.taps,
        };
        let made = &mut made[group.starts[1]..][..to * channel];
        let groups = packed
            .par_chunks_exact(packed.len() / to.div_ceil(GROUP))
            .zip(made.par_chunks_mut(GROUP * channel));
        let sums = || Scratch::new(GROUP * frame.reach);
        groups
            .enumerate()
            .for_each_init(sums, |sums, (place, (weights, made))| {
                Arch::new().dispatch(Correlate {
                    from,
                    weights,
                    made: sums,
                    reach: frame.reach,
                });
                let rows = made.chunks_exact_mut(channel);
                let rows = (first + place * GROUP..).zip(rows);
                for (sums, (channel, made)) in sums.chunks_exact(frame.reach).zip(rows) {
                    let begin = begin.of(channel);
                    Arch::new().dispatch(Taken {
                        frame,
                        sums,
                        made,
                        begin,
                    });
                }
            });
    });
}

/// What was made of one channel, on its way to it: added to what is there, or to a number that takes
/// its place.
struct Taken<'a, T> {
    frame: &'a Frame,
    sums: &'a [T],
    made: &'a mut [T],
    begin: Option<T>,
}

impl<T: Real> NullaryFnOnce for Taken<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            frame,
            sums,
            made,
            begin,
        } = self;
        for (row, &place) in made.chunks_exact_mut(frame.made_len).zip(&frame.made) {
            let pairs = row.iter_mut().zip(&sums[place..][..frame.made_len]);
            match begin {
                None => pairs.for_each(|(to, &x)| *to += x),
                Some(begin) => pairs.for_each(|(to, &x)| *to = begin + x),
            }
        }
    }
}
