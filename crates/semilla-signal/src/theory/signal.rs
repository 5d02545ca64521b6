//! What theory knows of a signal: its mean, and its kernel.

use super::axes::{Axes, Mask, averaged, mean_over, viewed};
use crate::array::Array;

/// The first two moments of a signal's elements, over random weights.
///
/// The kernel is `E x y` of two elements, which depends on the atoms in which they are apart only:
/// of the same one it is the second moment, of two samples' (the first axis) the cross moment, and
/// so on for positions and units. A number that is not determined is NaN.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) axes: Axes,
    pub(super) mean: f64,
    /// By mask.
    pub(super) kernel: Vec<f64>,
}

impl Signal {
    /// Independent elements.
    pub(super) fn independent(axes: Axes, mean: f64, square: f64) -> Self {
        let mut kernel = vec![mean * mean; 1 << axes.count()];
        kernel[0] = square;
        Self { axes, mean, kernel }
    }

    /// The moments of numbers that are there.
    pub(super) fn measured<T: Copy + Into<f64>>(array: &Array<T>) -> Option<Self> {
        let axes = Axes::of(array.shape())?;
        let values: Vec<f64> = array.data().iter().map(|&x| x.into()).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let squares = mean_squares(&values, &axes.atoms().collect::<Vec<_>>());
        let kernel = kernel_of(&axes, |within| squares[within]);
        Some(Self { axes, mean, kernel })
    }

    pub(super) fn square(&self) -> f64 {
        self.kernel[0]
    }

    /// The variance around the mean of all elements.
    pub(super) fn variance(&self) -> f64 {
        (self.kernel[0] - self.mean * self.mean).max(0.0)
    }

    /// The correlations of pairs, by mask.
    pub(super) fn correlations(&self) -> Vec<f64> {
        let (square, variance) = (self.mean * self.mean, self.variance());
        let of = |k: &f64| match variance > 0.0 {
            true => ((k - square) / variance).clamp(-1.0, 1.0),
            false => 1.0,
        };
        self.kernel.iter().map(of).collect()
    }

    /// The kernel averaged over pairs along some atoms.
    pub(super) fn averaged(&self, over: Mask) -> Vec<f64> {
        averaged(&self.kernel, &self.axes, over)
    }

    /// The same elements under other axes: see [`viewed`].
    pub(super) fn viewed(&self, axes: Axes, sources: &[Option<usize>]) -> Self {
        Self {
            kernel: viewed(&self.kernel, sources),
            axes,
            mean: self.mean,
        }
    }

    /// Every element times a number, plus another.
    pub(super) fn affine(&self, factor: f64, term: f64) -> Self {
        let mean = factor * self.mean + term;
        let moved = |k: &f64| factor * factor * k + term * (2.0 * factor * self.mean + term);
        Self {
            axes: self.axes.clone(),
            mean,
            kernel: self.kernel.iter().map(moved).collect(),
        }
    }

    /// The atoms of the first axis, along which samples lie.
    pub(super) fn samples(&self) -> Mask {
        match self.axes.rank() {
            0 => 0,
            _ => self.axes.mask(0),
        }
    }

    /// `E x y` of the same place in two samples.
    pub(super) fn across_samples(&self) -> f64 {
        self.across_samples_of(&self.kernel)
    }

    /// The same of another kernel on these axes.
    pub(super) fn across_samples_of(&self, kernel: &[f64]) -> f64 {
        let (samples, count) = (self.samples(), self.axes.places(self.samples()));
        let all = mean_over(&self.axes, samples, |mask| kernel[mask]);
        (all - kernel[0] / count) / (1.0 - 1.0 / count)
    }

    /// `E x y` of an element with itself and with all others along some atoms.
    pub(super) fn mean_along(&self, over: Mask) -> f64 {
        mean_over(&self.axes, over, |mask| self.kernel[mask])
    }
}

/// A kernel of numbers that are there: of pairs apart in exactly the atoms of a mask, from the mean
/// squares of means along atoms (which pairs of equal places are a part of).
pub(super) fn kernel_of(axes: &Axes, mean_square: impl Fn(Mask) -> f64) -> Vec<f64> {
    let sizes: Vec<usize> = axes.atoms().collect();
    let mut kernel: Vec<f64> = (0..1 << sizes.len()).map(mean_square).collect();
    for (atom, &size) in sizes.iter().enumerate() {
        let bit = 1 << atom;
        let same = 1.0 / size as f64;
        for mask in (0..kernel.len()).filter(|mask| mask & bit != 0) {
            kernel[mask] = (kernel[mask] - same * kernel[mask ^ bit]) / (1.0 - same);
        }
    }
    kernel
}

/// The mean squares of the means along the atoms of each mask.
fn mean_squares(values: &[f64], sizes: &[usize]) -> Vec<f64> {
    let mut found = vec![0.0; 1 << sizes.len()];
    if !values.is_empty() {
        mean_squares_from(values, sizes, 0, 0, &mut found);
    }
    found
}

/// Those of the masks that agree with one in the atoms before `atom`, from the means along it.
fn mean_squares_from(values: &[f64], sizes: &[usize], atom: usize, mask: Mask, found: &mut [f64]) {
    let [size, inner @ ..] = &sizes[atom..] else {
        let squares: f64 = values.iter().map(|x| x * x).sum();
        found[mask] = squares / values.len() as f64;
        return;
    };
    mean_squares_from(values, sizes, atom + 1, mask, found);
    let inner: usize = inner.iter().product();
    let mut means = Vec::with_capacity(values.len() / size);
    for block in values.chunks(size * inner) {
        let first = means.len();
        means.extend_from_slice(&block[..inner]);
        for row in block[inner..].chunks(inner) {
            let sums = means[first..].iter_mut();
            sums.zip(row).for_each(|(sum, x)| *sum += x);
        }
        let sums = means[first..].iter_mut();
        sums.for_each(|sum| *sum /= *size as f64);
    }
    mean_squares_from(&means, sizes, atom + 1, mask | 1 << atom, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_numbers() {
        // Two samples of two units.
        let array = Array::new([2, 2], vec![1.0, 2.0, 3.0, -1.0]).unwrap();
        let found = Signal::measured(&array).unwrap();
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} {want}");
        near(found.mean, 1.25);
        near(found.kernel[0], (1.0 + 4.0 + 9.0 + 1.0) / 4.0);
        near(found.kernel[1], (1.0 * 3.0 - 2.0) / 2.0);
        near(found.kernel[2], (1.0 * 2.0 + -3.0) / 2.0);
        near(found.kernel[3], (-1.0 + 2.0 * 3.0) / 2.0);
        near(found.across_samples(), found.kernel[1]);
        let moved = found.affine(2.0, 1.0);
        near(moved.mean, 3.5);
        near(moved.kernel[3], (-3.0 + 5.0 * 7.0) / 2.0);
    }
}
