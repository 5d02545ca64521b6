//! Windows that move over the spatial axes of an image.

use crate::array::{size, strides};
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
    /// The image with its padding: begin and end along each axis.
    bounds: Vec<(i64, i64)>,
    steps: Vec<i64>,
    dilations: Vec<i64>,
}

impl Windows {
    /// The place of an element in the padding.
    pub(crate) const OUTSIDE: u32 = u32::MAX;

    /// The windows of a node with `strides`, `pads`, `dilations` and `auto_pad`.
    pub(crate) fn of<T: Real>(
        call: &Call<'_, T>,
        image: &[usize],
        kernel: &[usize],
    ) -> Result<Self, Problem> {
        let axes = image.len();
        let steps = positive(call, "strides", axes)?;
        let dilations = positive(call, "dilations", axes)?;
        let (mut begin, mut end) = pads(call, axes)?;
        let auto = call.text("auto_pad", "NOTSET")?;
        let rounds_up = call.int("ceil_mode", 0)? != 0;
        let mut count = Vec::new();
        for axis in 0..axes {
            let (size, step) = (image[axis] as i64, steps[axis]);
            let reach = (kernel[axis] as i64 - 1)
                .checked_mul(dilations[axis])
                .and_then(|reach| reach.checked_add(1))
                .ok_or_else(|| call.shapes("the kernel's reach is a size"))?;
            if auto == "SAME_UPPER" || auto == "SAME_LOWER" {
                let windows = (size + step - 1) / step;
                let missing = ((windows - 1) * step + reach - size).max(0);
                let (small, large) = (missing / 2, missing - missing / 2);
                (begin[axis], end[axis]) = match auto {
                    "SAME_UPPER" => (small, large),
                    _ => (large, small),
                };
            } else if auto == "VALID" {
                (begin[axis], end[axis]) = (0, 0);
            }
            let room = size + begin[axis] + end[axis] - reach;
            if room < 0 {
                return Err(call.shapes("the kernel fits into the padded image"));
            }
            let mut windows = room / step + 1;
            // A last window may reach over the end, but must begin before it.
            if rounds_up && room % step != 0 && windows * step < size + begin[axis] {
                windows += 1;
            }
            count.push(windows as usize);
        }
        Self::new(call, image, kernel, count, begin, end, steps, dilations)
    }

    /// The windows that a transposed convolution writes: as many as its input has elements, over
    /// its output.
    pub(crate) fn transposed<T: Real>(
        call: &Call<'_, T>,
        input: &[usize],
        kernel: &[usize],
    ) -> Result<Self, Problem> {
        let axes = input.len();
        let steps = positive(call, "strides", axes)?;
        let dilations = positive(call, "dilations", axes)?;
        let (mut begin, mut end) = pads(call, axes)?;
        let more = call
            .ints("output_padding")?
            .unwrap_or_else(|| vec![0; axes]);
        let asked = call.ints("output_shape")?;
        let auto = call.text("auto_pad", "NOTSET")?;
        let wrong = || call.shapes("the output of a transposed convolution has a size");
        if more.len() != axes || asked.as_ref().is_some_and(|asked| asked.len() < axes) {
            return Err(wrong());
        }
        let mut output = Vec::new();
        for axis in 0..axes {
            let reach = (kernel[axis] as i64 - 1) * dilations[axis] + 1;
            let full = (input[axis] as i64 - 1) * steps[axis] + reach + more[axis];
            let is_same = auto.starts_with("SAME");
            let size = match &asked {
                Some(asked) => Some(asked[asked.len() - axes + axis]),
                None => is_same.then(|| input[axis] as i64 * steps[axis]),
            };
            if let Some(size) = size {
                let missing = (full - size).max(0);
                let (small, large) = (missing / 2, missing - missing / 2);
                (begin[axis], end[axis]) = match auto {
                    "SAME_UPPER" => (small, large),
                    _ => (large, small),
                };
            } else if auto == "VALID" {
                (begin[axis], end[axis]) = (0, 0);
            }
            let size = size.unwrap_or(full - begin[axis] - end[axis]);
            output.push(usize::try_from(size).map_err(|_| wrong())?);
        }
        Self::new(
            call,
            &output,
            kernel,
            input.to_vec(),
            begin,
            end,
            steps,
            dilations,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the numbers that windows consist of"
    )]
    fn new<T: Real>(
        call: &Call<'_, T>,
        image: &[usize],
        kernel: &[usize],
        count: Vec<usize>,
        begin: Vec<i64>,
        end: Vec<i64>,
        steps: Vec<i64>,
        dilations: Vec<i64>,
    ) -> Result<Self, Problem> {
        let elements = size(kernel).checked_mul(size(&count));
        if elements.is_none_or(|elements| elements > 1 << 28) || size(image) >= 1 << 31 {
            return Err(call.shapes("the windows are few enough to be listed"));
        }
        let sizes = image.iter().map(|&size| size as i64);
        let bounds = sizes.zip(begin.iter().zip(&end));
        let mut windows = Self {
            bounds: bounds
                .map(|(size, (begin, end))| (-begin, size + end))
                .collect(),
            image: image.to_vec(),
            kernel: kernel.to_vec(),
            count,
            places: Vec::new(),
            steps,
            dilations,
        };
        windows.places = windows.listed();
        Ok(windows)
    }

    /// The index along an axis that an element of the kernel has in a window.
    fn at(&self, axis: usize, element: usize, window: usize) -> i64 {
        let first = window as i64 * self.steps[axis] + self.bounds[axis].0;
        first + element as i64 * self.dilations[axis]
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
                    true => self.bounds[axis],
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

fn positive<T: Real>(
    call: &Call<'_, T>,
    name: &'static str,
    axes: usize,
) -> Result<Vec<i64>, Problem> {
    let values = call.ints(name)?.unwrap_or_else(|| vec![1; axes]);
    match values.len() == axes && values.iter().all(|value| (1..1 << 31).contains(value)) {
        true => Ok(values),
        false => Err(Problem::Attribute {
            name,
            value: format!("{values:?}"),
        }),
    }
}

fn pads<T: Real>(call: &Call<'_, T>, axes: usize) -> Result<(Vec<i64>, Vec<i64>), Problem> {
    let values = call.ints("pads")?.unwrap_or_else(|| vec![0; 2 * axes]);
    match values.len() == 2 * axes && values.iter().all(|value| (0..1 << 31).contains(value)) {
        true => Ok((values[..axes].to_vec(), values[axes..].to_vec())),
        false => Err(Problem::Attribute {
            name: "pads",
            value: format!("{values:?}"),
        }),
    }
}
