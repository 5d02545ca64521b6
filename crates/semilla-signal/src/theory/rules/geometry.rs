//! Where the windows of convolutions and poolings lie.

use super::super::axes::{Axes, Mask};
use super::super::edges::{LONGEST, Window, Windows};
use super::super::state::{Gap, Step};

/// Windows over an image, along each of its axes.
pub(super) struct Geometry {
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    /// How many windows there are.
    pub(super) count: Vec<usize>,
    /// Which places of the image are in each window.
    places: Vec<Vec<Window>>,
    /// How many places of a window lie in the image, the mean over windows.
    covered: Vec<f64>,
    /// The part of these that two windows apart have in common.
    common: Vec<f64>,
}

/// The most pairs of a place along an axis and an element of the kernel.
const LARGEST: usize = 1 << 22;

/// The places of each of so many windows that lie in an image of this size.
fn windows_of(
    size: i64,
    windows: i64,
    (reach, apart): (i64, i64),
    (stride, pad): (i64, i64),
) -> Vec<Window> {
    let window = |at: i64| {
        let places = (0..reach).map(|element| at * stride + element * apart - pad);
        let inside = |place: i64| usize::try_from(place).ok().filter(|_| place < size);
        places.map(inside).collect()
    };
    (0..windows).map(window).collect()
}

/// Where the elements of a transposed convolution lie, along one axis of what it makes.
pub(super) struct Spread {
    /// How many places of the image reach one, the mean over all.
    pub(super) terms: f64,
    /// In how many phases it is: others are reached by other elements of the kernel.
    pub(super) phases: usize,
    count: usize,
    /// The part of the terms that two of the same phase have in common.
    pub(super) common: f64,
    /// Which places of the image reach each, along axes that are short enough for borders to
    /// matter.
    pub(super) windows: Vec<Window>,
}

impl Spread {
    /// Along one of the axes behind the channels, of an image of this size.
    pub(super) fn of(
        step: &Step<'_>,
        axis: usize,
        size: usize,
        kernel: usize,
    ) -> Result<Self, Gap> {
        let list = |name: &str| step.node.ints(name).unwrap_or_default();
        let at = |name: &str, default: i64| list(name).get(axis).copied().unwrap_or(default);
        if step.node.attribute("output_shape").is_some() || step.node.text("auto_pad").is_some() {
            return Gap::new("its output has a stated size");
        }
        let (stride, apart) = (at("strides", 1).max(1), at("dilations", 1).max(1));
        let pads = list("pads");
        let (before, after) = match pads.len() / 2 {
            0 => (0, 0),
            half => (
                pads.get(axis).copied().unwrap_or(0),
                pads.get(axis + half).copied().unwrap_or(0),
            ),
        };
        let span = |steps: usize, each: i64| (steps as i64 - 1).saturating_mul(each);
        let full = span(size, stride).saturating_add(span(kernel, apart));
        let more = at("output_padding", 0).saturating_sub(before.saturating_add(after));
        let count = full.saturating_add(more).saturating_add(1);
        let made = usize::try_from(count).ok().filter(|&made| made > 0);
        let made = made.ok_or_else(|| Gap("it makes no image".to_owned()))?;
        if made.saturating_mul(kernel) > LARGEST {
            return Gap::new("its image is too large to be looked at place by place");
        }
        let source = |place: i64, element: i64| {
            let steps = place
                .saturating_add(before)
                .saturating_sub(element.saturating_mul(apart));
            let at = usize::try_from(steps / stride).ok()?;
            (steps % stride == 0 && at < size).then_some(at)
        };
        let window = |place: i64| (0..kernel as i64).map(move |e| source(place, e)).collect();
        let windows: Vec<Window> = (0..count).map(window).collect();
        let reach = |element: usize| {
            let with = windows.iter().filter(|window| window[element].is_some());
            with.count() as f64
        };
        let reached: Vec<f64> = (0..kernel).map(reach).collect();
        let inside: f64 = reached.iter().sum();
        let pairs: f64 = reached.iter().map(|n| n * (n - 1.0).max(0.0)).sum();
        // Phases are told apart where blocks of them are whole.
        let phases = usize::try_from(stride).unwrap_or(1);
        let phases = if made.is_multiple_of(phases) {
            phases
        } else {
            1
        };
        let alike = (made / phases) as f64;
        Ok(Self {
            terms: inside / made as f64,
            phases,
            count: made,
            common: match alike > 1.0 && inside > 0.0 {
                true => pairs / (alike - 1.0) / inside,
                false => 1.0,
            },
            windows: if size.max(made) <= LONGEST {
                windows
            } else {
                Vec::new()
            },
        })
    }

    /// How many of each phase there are.
    pub(super) fn blocks(&self) -> usize {
        self.count / self.phases
    }
}

impl Geometry {
    /// The windows of a node over an image `[samples, channels, ..]`.
    pub(super) fn of(step: &Step<'_>, axes: &Axes, kernel: &[i64]) -> Result<Self, Gap> {
        let rank = axes.rank();
        let wrong = || Gap("its kernel does not fit the image".to_owned());
        if rank < 3 || kernel.len() != rank - 2 || kernel.iter().any(|&size| size < 1) {
            return Err(wrong());
        }
        let spatial = rank - 2;
        let list = |name: &str, len: usize, default: i64| match step.node.ints(name) {
            Some(values) if values.len() == len => values.to_vec(),
            _ => vec![default; len],
        };
        let strides = list("strides", spatial, 1);
        let dilations = list("dilations", spatial, 1);
        let mut pads = list("pads", 2 * spatial, 0);
        let auto = step.node.text("auto_pad").unwrap_or("NOTSET");
        let mut made = Self {
            kernel: kernel.iter().map(|&size| size as usize).collect(),
            strides: Vec::new(),
            count: Vec::new(),
            places: Vec::new(),
            covered: Vec::new(),
            common: Vec::new(),
        };
        for axis in 0..spatial {
            let (size, stride) = (axes.size(axis + 2) as i64, strides[axis].max(1));
            let (reach, apart) = (kernel[axis], dilations[axis].max(1));
            let extent = (reach - 1).saturating_mul(apart).saturating_add(1);
            if auto == "VALID" {
                (pads[axis], pads[axis + spatial]) = (0, 0);
            }
            if auto.starts_with("SAME") {
                let windows = (size + stride - 1) / stride;
                let missing = ((windows - 1) * stride + extent - size).max(0);
                let (small, large) = (missing / 2, missing - missing / 2);
                let upper = auto == "SAME_UPPER";
                (pads[axis], pads[axis + spatial]) = if upper {
                    (small, large)
                } else {
                    (large, small)
                };
            }
            let room = size + pads[axis] + pads[axis + spatial] - extent;
            if room < 0 {
                return Err(wrong());
            }
            let mut windows = room / stride + 1;
            let rounds_up = step.int("ceil_mode", 0) != 0 && room % stride != 0;
            if rounds_up && windows * stride < size + pads[axis] {
                windows += 1;
            }
            made.places.push(match size <= LONGEST as i64 {
                true => windows_of(size, windows, (reach, apart), (stride, pads[axis])),
                false => Vec::new(),
            });
            let (mut inside, mut pairs) = (0.0, 0.0);
            for element in 0..reach {
                // Windows whose place for this element is in the image.
                let shift = element * apart - pads[axis];
                let first = (-shift).max(0).div_euclid(stride)
                    + i64::from((-shift).max(0).rem_euclid(stride) != 0);
                let last = (size - 1 - shift).div_euclid(stride).min(windows - 1);
                let with = (last - first + 1).max(0) as f64;
                inside += with;
                pairs += with * (with - 1.0).max(0.0);
            }
            made.strides.push(stride as usize);
            made.count.push(windows as usize);
            let count = windows as f64;
            made.covered.push(inside / count);
            made.common.push(match windows > 1 && inside > 0.0 {
                true => pairs / (count - 1.0) / inside,
                false => 1.0,
            });
        }
        Ok(made)
    }

    /// Which places are in each window, along axes that are short enough for borders to matter.
    pub(super) fn windows(&self) -> Windows {
        Windows(self.places.clone())
    }

    /// How many places of a window lie in the image, the mean over all windows.
    pub(super) fn terms(&self) -> f64 {
        self.covered.iter().product()
    }

    /// For each axis of what has an element for each window, the part of the terms that two windows
    /// have in common which are apart along it.
    pub(super) fn overlaps(&self, made: &Axes) -> Vec<(Mask, f64)> {
        let axes = self.common.iter().enumerate();
        axes.map(|(axis, &part)| (made.mask(axis + 2), part))
            .collect()
    }

    /// The same as a part of the window.
    pub(super) fn coverage(&self) -> f64 {
        self.terms() / self.kernel.iter().map(|&size| size as f64).product::<f64>()
    }

    /// How many places of a block windows still tell apart, of so many.
    fn phases(&self, axis: usize, places: usize) -> usize {
        (1..=places)
            .find(|phases| (phases * self.strides[axis]).is_multiple_of(places))
            .unwrap_or(1)
    }

    /// Whether windows over blocks lie in blocks again.
    pub(super) fn keeps_blocks(&self, old: &Axes) -> bool {
        let fits = |axis: usize| match *old.axis(axis + 2) {
            [_, places] => self.count[axis].is_multiple_of(self.phases(axis, places)),
            _ => true,
        };
        (0..self.count.len()).all(fits)
    }

    /// The axes of what has an element for each window, and the sources of their atoms.
    pub(super) fn made(
        &self,
        old: &Axes,
        channels: Vec<usize>,
    ) -> Result<(Axes, Vec<Option<usize>>), Gap> {
        let is_kept = channels == old.axis(1);
        let first = |axis: usize| old.mask(axis).trailing_zeros() as usize;
        let mut sources: Vec<Option<usize>> =
            (0..old.axis(0).len()).map(|i| Some(first(0) + i)).collect();
        sources.extend((0..channels.len()).map(|i| is_kept.then(|| first(1) + i)));
        let mut axes = vec![old.axis(0).to_vec(), channels];
        for (axis, &count) in self.count.iter().enumerate() {
            let phases = match *old.axis(axis + 2) {
                [_, places] => self.phases(axis, places),
                _ => 1,
            };
            let is_there = !old.axis(axis + 2).is_empty();
            let parts = [count / phases, phases].into_iter().enumerate();
            let parts: Vec<(usize, usize)> = parts.filter(|(_, size)| *size > 1).collect();
            sources
                .extend((parts.iter()).map(|(part, _)| is_there.then(|| first(axis + 2) + part)));
            axes.push(parts.into_iter().map(|(_, size)| size).collect());
        }
        let axes = Axes::new(axes).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
        Ok((axes, sources))
    }
}
