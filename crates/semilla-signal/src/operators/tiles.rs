//! The inner loops of convolutions: tiles of sums that stay in registers.

use pulp::{Simd, WithSimd};

use crate::lanes::Lanes;

/// Registers side by side in a tile of [`Correlate`].
const WIDE: usize = 3;

/// The most channels that a tile of [`Correlate`] makes at once; weights come in groups of so many.
pub(super) const GROUP: usize = 8;

/// What channels of an image are read at: each `stride` elements behind the one before, at `taps`
/// from the place that is made.
#[derive(Clone, Copy)]
pub(super) struct Channels<'a, T> {
    pub(super) data: &'a [T],
    pub(super) stride: usize,
    pub(super) taps: &'a [usize],
}

/// Makes [`GROUP`] channels: at each place, the sum of all channels' elements at all taps times
/// their weights. `weights` has a group for each channel and tap; `made` has its channels `reach`
/// elements apart. Reads on behind `reach` by up to two tiles.
pub(super) struct Correlate<'a, T> {
    pub(super) from: Channels<'a, T>,
    pub(super) weights: &'a [T],
    pub(super) made: &'a mut [T],
    /// The places that are made, rounded up to [`ROOM`].
    pub(super) reach: usize,
}

/// Elements in the largest register: what is read or made comes in multiples of it.
pub(super) const ROOM: usize = 16;

impl<T: Lanes> WithSimd for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::REGISTER_COUNT >= 32 {
            true => self.each::<S, GROUP>(simd),
            false => self.each::<S, 4>(simd),
        }
    }
}

impl<T: Lanes> Correlate<'_, T> {
    #[inline(always)]
    fn each<S: Simd, const CHANNELS: usize>(mut self, simd: S) {
        let lanes = T::count::<S>();
        for first in (0..GROUP).step_by(CHANNELS) {
            let mut at = 0;
            while at + WIDE * lanes <= self.reach {
                self.tile::<S, CHANNELS, WIDE>(simd, first, at);
                at += WIDE * lanes;
            }
            while at + 2 * lanes <= self.reach {
                self.tile::<S, CHANNELS, 2>(simd, first, at);
                at += 2 * lanes;
            }
            while at < self.reach {
                self.tile::<S, CHANNELS, 1>(simd, first, at);
                at += lanes;
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const CHANNELS: usize, const WIDE: usize>(
        &mut self,
        simd: S,
        first: usize,
        at: usize,
    ) {
        let lanes = T::count::<S>();
        let mut sums = [[T::splat(simd, T::zeroed()); WIDE]; CHANNELS];
        let (groups, _) = self.weights.as_chunks::<GROUP>();
        let mut groups = groups.iter();
        for channel in self.from.data.chunks_exact(self.from.stride) {
            let channel = &channel[at..];
            for (&tap, group) in self.from.taps.iter().zip(&mut groups) {
                let from = &channel[tap..][..WIDE * lanes];
                let mut x = [T::splat(simd, T::zeroed()); WIDE];
                for (x, from) in x.iter_mut().zip(from.chunks_exact(lanes)) {
                    *x = T::load::<S>(from);
                }
                for i in 0..CHANNELS {
                    let weight = T::splat(simd, group[first + i]);
                    for (sum, &x) in sums[i].iter_mut().zip(&x) {
                        *sum = T::mul_add(simd, weight, x, *sum);
                    }
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let made = &mut self.made[(first + i) * self.reach + at..][..WIDE * lanes];
            for (made, &sum) in made.chunks_exact_mut(lanes).zip(sums) {
                T::store::<S>(made, sum);
            }
        }
    }
}

/// Products of up to [`ROWS`] channels with an image's channels at some places, summed over
/// samples: `made[row * offsets.len() + i] += Σ rows[row][n] · image[offsets[i] + n]`.
pub(super) struct Products<'a, T> {
    /// Samples behind one another, each of so many channels.
    pub(super) rows: &'a [T],
    pub(super) rows_sample: usize,
    /// The first channel's place within a sample, how many there are, and the distance from one to
    /// the next: `reach` elements count of each.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) reach: usize,
    /// The image's samples behind one another.
    pub(super) images: &'a [T],
    pub(super) image_sample: usize,
    pub(super) offsets: &'a [usize],
    pub(super) made: &'a mut [T],
}

/// Channels that a tile of [`Products`] multiplies.
pub(super) const ROWS: usize = 4;

impl<T: Lanes + std::ops::AddAssign> WithSimd for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::REGISTER_COUNT >= 32 {
            true => self.each::<S, 6>(simd),
            false => self.each::<S, 3>(simd),
        }
    }
}

impl<T: Lanes + std::ops::AddAssign> Products<'_, T> {
    #[inline(always)]
    fn each<S: Simd, const PLACES: usize>(mut self, simd: S) {
        let mut at = 0;
        while at < self.offsets.len() {
            // Kernels of 3 by 3 end with half a tile.
            if PLACES > 3 && self.offsets.len() - at <= 3 {
                return self.tile::<S, 3>(simd, at);
            }
            self.tile::<S, PLACES>(simd, at);
            at += PLACES;
        }
    }

    #[expect(
        clippy::needless_range_loop,
        reason = "sums stay in registers where all indices are known"
    )]
    #[inline(always)]
    fn tile<S: Simd, const PLACES: usize>(&mut self, simd: S, at: usize) {
        let lanes = T::count::<S>();
        // Tiles at the edges do the last row and place several times, and keep one result.
        let rows: [usize; ROWS] =
            std::array::from_fn(|row| self.first + row.min(self.count - 1) * self.reach);
        let last = self.offsets.len() - 1;
        let places: [usize; PLACES] = std::array::from_fn(|i| self.offsets[(at + i).min(last)]);
        let mut sums = [[T::splat(simd, T::zeroed()); PLACES]; ROWS];
        // Blocks, of which all runs have as many, so that the inner loop checks nothing.
        let blocks = self.reach / ROOM;
        let samples = self.rows.chunks_exact(self.rows_sample);
        for (own, image) in samples.zip(self.images.chunks_exact(self.image_sample)) {
            let (mut left, mut right) = ([&[][..]; ROWS], [&[][..]; PLACES]);
            for (run, &row) in left.iter_mut().zip(&rows) {
                *run = &own[row..].as_chunks::<ROOM>().0[..blocks];
            }
            for (run, &place) in right.iter_mut().zip(&places) {
                *run = &image[place..].as_chunks::<ROOM>().0[..blocks];
            }
            for block in 0..blocks {
                for part in 0..ROOM / lanes {
                    let mut x = [T::splat(simd, T::zeroed()); PLACES];
                    for i in 0..PLACES {
                        x[i] = T::load::<S>(&right[i][block][part * lanes..]);
                    }
                    for row in 0..ROWS {
                        let own = T::load::<S>(&left[row][block][part * lanes..]);
                        for i in 0..PLACES {
                            sums[row][i] = T::mul_add(simd, own, x[i], sums[row][i]);
                        }
                    }
                }
            }
        }
        let width = self.offsets.len();
        for row in 0..ROWS {
            for i in 0..PLACES {
                if row < self.count && at + i < width {
                    self.made[row * width + at + i] += T::sum(simd, sums[row][i]);
                }
            }
        }
    }
}
