//! Kernels of convolutions: values that depend on the channels and on the place in the kernel.

use super::error::FillError;
use super::kind::Kind;
use super::matrices::orthogonal;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::layout::{Axis, Layout};
use crate::number::rounded;
use crate::stream::Stream;

/// An element's output and input, and whether every kernel axis is at its centre.
struct Place {
    output: usize,
    input: usize,
    centre: bool,
}

/// Takes row-major indices apart by a layout.
struct Grid {
    axes: Vec<(Axis, usize)>,
}

impl Grid {
    fn new(layout: &Layout, shape: &[usize]) -> Self {
        let kinds = layout.axes().iter().copied();
        let axes = kinds.zip(shape.iter().copied()).collect();
        Self { axes }
    }

    fn place(&self, index: u64) -> Place {
        let mut place = Place {
            output: 0,
            input: 0,
            centre: true,
        };
        let mut rest = index;
        for &(axis, size) in self.axes.iter().rev() {
            let at = (rest % size.max(1) as u64) as usize;
            rest /= size.max(1) as u64;
            match axis {
                Axis::Out => place.output = at,
                Axis::In | Axis::Vocabulary => place.input = at,
                Axis::Kernel => place.centre &= at == size / 2,
                Axis::Stack => {}
            }
        }
        place
    }

    /// The kernel's position along each of its axes, with the axis' size.
    fn kernel(&self, index: u64) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut rest = index;
        self.axes.iter().rev().filter_map(move |&(axis, size)| {
            let at = (rest % size.max(1) as u64) as usize;
            rest /= size.max(1) as u64;
            (axis == Axis::Kernel).then_some((at, size))
        })
    }

    fn size(&self, kind: Axis) -> usize {
        let same = self.axes.iter().filter(|(axis, _)| *axis == kind);
        same.map(|(_, size)| size).product()
    }
}

/// Zagoruyko & Komodakis, *DiracNets*, 2017.
pub(super) struct Dirac<'a> {
    pub(super) groups: usize,
    pub(super) layout: &'a Layout,
}

impl Kind for Dirac<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.fits(self.layout)?;
        target.needs(self.groups > 0, "groups is 0")
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let grid = Grid::new(self.layout, target.shape);
        let outputs = (grid.size(Axis::Out) / self.groups).max(1);
        Ok(Source::each(move |index| {
            let place = grid.place(index);
            let passes = place.centre && place.output % outputs == place.input;
            if passes { 1.0 } else { 0.0 }
        }))
    }
}

/// Xiao et al., *Dynamical Isometry and a Mean Field Theory of CNNs*, ICML 2018, algorithm 1.
pub(super) struct DeltaOrthogonal<'a> {
    pub(super) gain: f64,
    pub(super) layout: &'a Layout,
}

impl Kind for DeltaOrthogonal<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.holds(self.gain)?;
        target.holds_matrix()?;
        target.fits(self.layout)
    }

    fn source(&self, stream: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let grid = Grid::new(self.layout, target.shape);
        let (outputs, inputs) = (grid.size(Axis::Out), grid.size(Axis::In));
        let matrix = orthogonal(stream, outputs, inputs, self.gain, target.dtype);
        Ok(Source::each(move |index| {
            let place = grid.place(index);
            if place.centre {
                matrix.get(place.output * inputs + place.input)
            } else {
                0.0
            }
        }))
    }

    fn description(&self) -> String {
        format!("gain {}", rounded(self.gain))
    }

    fn is_matrix(&self) -> bool {
        true
    }
}

/// Zhao, Schäfer & Anandkumar, *ZerO Initialization*, TMLR 2022, algorithm 1.
pub(super) struct Hadamard<'a> {
    pub(super) layout: &'a Layout,
}

impl Kind for Hadamard<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.fits(self.layout)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let grid = Grid::new(self.layout, target.shape);
        let (outputs, inputs) = (grid.size(Axis::Out), grid.size(Axis::In));
        // The power of two that holds the outputs; 2^(-(m-1)/2), with the half power as a root.
        let m = outputs.next_power_of_two().trailing_zeros() as i32;
        let scale = libm::sqrt(libm::ldexp(1.0, 1 - m));
        Ok(Source::each(move |index| {
            let place = grid.place(index);
            let is_even = (place.output & place.input).count_ones().is_multiple_of(2);
            match (place.centre, outputs > inputs) {
                (false, _) => 0.0,
                (true, false) if place.output == place.input => 1.0,
                (true, false) => 0.0,
                (true, true) if is_even => scale,
                (true, true) => -scale,
            }
        }))
    }
}

/// Long, Shelhamer & Darrell, *Fully Convolutional Networks*, CVPR 2015, section 3.3.
pub(super) struct Bilinear<'a> {
    pub(super) layout: &'a Layout,
}

impl Kind for Bilinear<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.fits(self.layout)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let grid = Grid::new(self.layout, target.shape);
        // A kernel stored per group has one channel: every output is its own group.
        let depthwise = grid.size(Axis::In) == 1 || grid.size(Axis::Out) == 1;
        Ok(Source::each(move |index| {
            let place = grid.place(index);
            if !depthwise && place.output != place.input {
                return 0.0;
            }
            let triangle = |(at, size): (usize, usize)| {
                let factor = size.div_ceil(2) as f64;
                let centre = (2.0 * factor - 1.0 - (size % 2) as f64) / 2.0;
                1.0 - ((at as f64 - centre) / factor).abs()
            };
            grid.kernel(index).map(triangle).product()
        }))
    }
}
