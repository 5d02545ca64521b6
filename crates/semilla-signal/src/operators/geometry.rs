//! Windows that move over the spatial axes of an image.

use crate::array::{checked_size, size, strides};
use crate::executor::{Call, Problem};
use crate::real::Real;

/// Windows of a kernel over an image without its samples and channels.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// The image's spatial size.
    pub(crate) image: Vec<usize>,
    /// How many windows there are along each axis.
    pub(crate) count: Vec<usize>,
    /// The kernel's size.
    pub(crate) kernel: Vec<usize>,
    /// For each element of the kernel and then each window, the place in the image;
    /// [`Windows::OUTSIDE`] in the padding.
    pub(crate) places: Vec<u32>,
    motion: Motion,
}

/// How windows move over an image, along each axis.
#[derive(Clone, Debug)]
struct Motion {
    steps: Vec<i64>,
    dilations: Vec<i64>,
    /// Padding before the image, and behind it.
    begin: Vec<i64>,
    end: Vec<i64>,
    auto: Auto,
}

/// What `auto_pad` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auto {
    Stated,
    /// As many windows as steps; an odd element of padding goes behind the image.
    SameUpper,
    /// The same; it goes before the image.
    SameLower,
}

impl Motion {
    fn of<T: Real>(call: &Call<'_, T>, axes: usize) -> Result<Self, Problem> {
        let text = call.text("auto_pad", "NOTSET")?;
        let mut pads = within(call, "pads", 2 * axes, 0)?;
        if text == "VALID" {
            pads.fill(0);
        }
        Ok(Self {
            steps: within(call, "strides", axes, 1)?,
            dilations: within(call, "dilations", axes, 1)?,
            begin: pads[..axes].to_vec(),
            end: pads[axes..].to_vec(),
            auto: match text {
                "SAME_UPPER" => Auto::SameUpper,
                "SAME_LOWER" => Auto::SameLower,
                _ => Auto::Stated,
            },
        })
    }

    fn is_same(&self) -> bool {
        self.auto != Auto::Stated
    }

    /// The extent of a kernel of this size along an axis.
    fn reach(&self, axis: usize, kernel: usize) -> i64 {
        (kernel as i64 - 1)
            .saturating_mul(self.dilations[axis])
            .saturating_add(1)
            .min(FAR)
    }

    /// Shares elements of padding between both ends of an axis.
    fn pad(&mut self, axis: usize, missing: i64) {
        let missing = missing.max(0);
        let (small, large) = (missing / 2, missing - missing / 2);
        (self.begin[axis], self.end[axis]) = match self.auto {
            Auto::SameUpper => (small, large),
            _ => (large, small),
        };
    }
}

/// Farther than any image reaches, and little enough to be added to other sizes.
const FAR: i64 = 1 << 60;

impl Windows {
    /// The place of an element in the padding.
    pub(crate) const OUTSIDE: u32 = u32::MAX;

    /// The windows of a node with `strides`, `pads`, `dilations` and `auto_pad`.
    pub(crate) fn of<T: Real>(
        call: &Call<'_, T>,
        image: &[usize],
        kernel: &[usize],
    ) -> Result<Self, Problem> {
        let mut motion = Motion::of(call, image.len())?;
        let rounds_up = call.int("ceil_mode", 0)? != 0;
        let mut count = Vec::new();
        for axis in 0..image.len() {
            let (size, step) = (image[axis] as i64, motion.steps[axis]);
            let reach = motion.reach(axis, kernel[axis]);
            if motion.is_same() {
                let windows = (size + step - 1) / step;
                motion.pad(axis, (windows - 1) * step + reach - size);
            }
            let room = size + motion.begin[axis] + motion.end[axis] - reach;
            if room < 0 {
                return Err(call.shapes("the kernel fits into the padded image"));
            }
            let mut windows = room / step + 1;
            // A last window may reach over the end, but must begin before it.
            if rounds_up && room % step != 0 && windows * step < size + motion.begin[axis] {
                windows += 1;
            }
            count.push(windows as usize);
        }
        Self::new(call, image, kernel, count, motion)
    }

    /// The windows that a transposed convolution writes: as many as its input has elements, over
    /// its output.
    pub(crate) fn transposed<T: Real>(
        call: &Call<'_, T>,
        input: &[usize],
        kernel: &[usize],
    ) -> Result<Self, Problem> {
        let axes = input.len();
        let mut motion = Motion::of(call, axes)?;
        let more = within(call, "output_padding", axes, 0)?;
        let asked = call.ints("output_shape")?;
        let wrong = || call.shapes("the output of a transposed convolution has a size");
        if asked.as_ref().is_some_and(|asked| asked.len() < axes) {
            return Err(wrong());
        }
        let mut output = Vec::new();
        for axis in 0..axes {
            let reach = motion.reach(axis, kernel[axis]);
            let full = (input[axis] as i64 - 1) * motion.steps[axis] + reach + more[axis];
            let size = match &asked {
                Some(asked) => Some(asked[asked.len() - axes + axis]),
                None => motion
                    .is_same()
                    .then(|| input[axis] as i64 * motion.steps[axis]),
            };
            if let Some(size) = size {
                motion.pad(axis, full.saturating_sub(size));
            }
            let size = size.unwrap_or(full - motion.begin[axis] - motion.end[axis]);
            output.push(usize::try_from(size).map_err(|_| wrong())?);
        }
        Self::new(call, &output, kernel, input.to_vec(), motion)
    }

    fn new<T: Real>(
        call: &Call<'_, T>,
        image: &[usize],
        kernel: &[usize],
        count: Vec<usize>,
        motion: Motion,
    ) -> Result<Self, Problem> {
        let elements = checked_size(&[kernel, &*count].concat());
        let is_long = elements.is_none_or(|elements| elements > 1 << 28);
        let is_wide = checked_size(image).is_none_or(|area| area >= 1 << 31);
        if is_long || is_wide {
            return Err(call.shapes("the windows are few enough to be listed"));
        }
        let mut windows = Self {
            image: image.to_vec(),
            kernel: kernel.to_vec(),
            count,
            places: Vec::new(),
            motion,
        };
        windows.places = windows.listed();
        Ok(windows)
    }

    /// The index along an axis that an element of the kernel has in a window.
    fn at(&self, axis: usize, element: usize, window: usize) -> i64 {
        let first = window as i64 * self.motion.steps[axis] - self.motion.begin[axis];
        first + element as i64 * self.motion.dilations[axis]
    }

    fn listed(&self) -> Vec<u32> {
        let own = strides(&self.image);
        // The offset of each element and window along each axis; `None` is outside.
        let along: Vec<Vec<Option<u32>>> = (0..self.image.len())
            .map(|axis| {
                let place = |element: usize, window: usize| {
                    let at = self.at(axis, element, window);
                    let is_inside = (0..self.image[axis] as i64).contains(&at);
                    is_inside.then(|| at as u32 * own[axis] as u32)
                };
                let elements = 0..self.kernel[axis];
                elements
                    .flat_map(|element| (0..self.count[axis]).map(move |window| (element, window)))
                    .map(|(element, window)| place(element, window))
                    .collect()
            })
            .collect();
        let mut places = Vec::with_capacity(size(&self.kernel) * size(&self.count));
        for element in super::shape::indices(&self.kernel) {
            let mut offsets = vec![Some(0u32)];
            for (axis, along) in along.iter().enumerate() {
                let row = &along[element[axis] * self.count[axis]..][..self.count[axis]];
                let longer = offsets
                    .iter()
                    .flat_map(|&outer| row.iter().map(move |&inner| Some(outer? + inner?)));
                offsets = longer.collect();
            }
            places.extend(
                offsets
                    .into_iter()
                    .map(|place| place.unwrap_or(Self::OUTSIDE)),
            );
        }
        places
    }

    /// The number of windows.
    pub(crate) fn len(&self) -> usize {
        size(&self.count)
    }

    /// The number of a window's elements.
    pub(crate) fn kernel_len(&self) -> usize {
        size(&self.kernel)
    }

    /// How many elements of each window lie within the image, or within its padding too.
    pub(crate) fn covered(&self, with_padding: bool) -> Vec<usize> {
        let windows = super::shape::indices(&self.count);
        let count = windows.map(|window| {
            let axes = (0..self.image.len()).map(|axis| {
                let (begin, end) = match with_padding {
                    true => (
                        -self.motion.begin[axis],
                        self.image[axis] as i64 + self.motion.end[axis],
                    ),
                    false => (0, self.image[axis] as i64),
                };
                let elements = 0..self.kernel[axis];
                let at = elements.map(|element| self.at(axis, element, window[axis]));
                at.filter(|at| (begin..end).contains(at)).count()
            });
            axes.product()
        });
        count.collect()
    }

    /// The elements under all windows: a row for each element of each channel's kernel, a column
    /// for each window; 0 in the padding.
    pub(crate) fn gather<T: Real>(&self, image: &[T], channels: usize, columns: &mut [T]) {
        let (area, len) = (size(&self.image), self.places.len());
        for channel in 0..channels {
            let image = &image[channel * area..][..area];
            let columns = &mut columns[channel * len..][..len];
            for (column, &place) in columns.iter_mut().zip(&self.places) {
                *column = image.get(place as usize).copied().unwrap_or(T::zero());
            }
        }
    }

    /// The opposite of [`Windows::gather`]: adds each column to the elements that it came from.
    pub(crate) fn scatter<T: Real>(&self, columns: &[T], channels: usize, image: &mut [T]) {
        let (area, len) = (size(&self.image), self.places.len());
        for channel in 0..channels {
            let image = &mut image[channel * area..][..area];
            let columns = &columns[channel * len..][..len];
            for (&column, &place) in columns.iter().zip(&self.places) {
                if let Some(element) = image.get_mut(place as usize) {
                    *element += column;
                }
            }
        }
    }

    /// Whether the windows are the elements themselves, in order.
    pub(crate) fn is_plain(&self) -> bool {
        let is_single = self.kernel_len() == 1 && self.len() == size(&self.image);
        is_single
            && self
                .places
                .iter()
                .enumerate()
                .all(|(i, &place)| i == place as usize)
    }
}

/// An attribute of whole numbers, so many, from a least one on; all of them that if it is not given.
fn within<T: Real>(
    call: &Call<'_, T>,
    name: &'static str,
    count: usize,
    least: i64,
) -> Result<Vec<i64>, Problem> {
    let values = call.ints(name)?.unwrap_or_else(|| vec![least; count]);
    let is_within = values.iter().all(|value| (least..1 << 31).contains(value));
    match values.len() == count && is_within {
        true => Ok(values),
        false => Err(Problem::Attribute {
            name,
            value: format!("{values:?}"),
        }),
    }
}
