//! Windows that move over the spatial axes of an image.

use crate::array::{checked_size, size, strides};
use crate::executor::{Call, Problem};
use crate::real::Real;
use crate::sums::{add, dot};

/// Windows of a kernel over an image without its samples and channels.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// The image's spatial size.
    pub(crate) image: Vec<usize>,
    /// How many windows there are along each axis.
    pub(crate) count: Vec<usize>,
    /// The kernel's size.
    pub(crate) kernel: Vec<usize>,
    /// Of each element of the kernel in turn: where windows have it within the image.
    runs: Vec<Run>,
    /// Where the runs of each element begin, and the end of the last.
    starts: Vec<usize>,
    /// The runs of each element as one, if it moves through the image as windows are numbered:
    /// where windows are as many as the image has elements. Windows in the gaps between its runs
    /// have the element in the padding.
    shifts: Vec<Option<Run>>,
    motion: Motion,
}

/// Windows in a row along the last axis, which all have an element of the kernel within the image.
/// From window to window it moves by [`Windows::step`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The first window.
    pub(crate) window: usize,
    /// The place in the image that the element has in the first window.
    pub(crate) place: usize,
    /// The number of windows.
    pub(crate) len: usize,
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
            runs: Vec::new(),
            starts: vec![0],
            shifts: Vec::new(),
            motion,
        };
        for element in super::shape::indices(kernel) {
            windows.list(&element);
            let first = windows.starts.last().copied().unwrap_or(0);
            windows.shifts.push(windows.joined(first));
            windows.starts.push(windows.runs.len());
        }
        Ok(windows)
    }

    /// The index along an axis that an element of the kernel has in a window.
    fn at(&self, axis: usize, element: usize, window: usize) -> i64 {
        let first = window as i64 * self.motion.steps[axis] - self.motion.begin[axis];
        first + element as i64 * self.motion.dilations[axis]
    }

    /// The windows along an axis that have an element of the kernel within the image.
    fn inside(&self, axis: usize, element: usize) -> std::ops::Range<usize> {
        let (step, first) = (self.motion.steps[axis], self.at(axis, element, 0));
        let reaches = |place: i64| ((place - first).max(0) as u64).div_ceil(step as u64) as usize;
        let end = reaches(self.image[axis] as i64).min(self.count[axis]);
        reaches(0).min(end)..end
    }

    /// Lists the runs of an element of the kernel.
    fn list(&mut self, element: &[usize]) {
        let own = strides(&self.image);
        let last = self.image.len() - 1;
        // The first window and the place of each row of windows.
        let mut rows = vec![(0, 0)];
        for axis in 0..last {
            let inside = self.inside(axis, element[axis]);
            let along = inside.map(|window| {
                let place = self.at(axis, element[axis], window) as usize * own[axis] as usize;
                (window * size(&self.count[axis + 1..]), place)
            });
            let along: Vec<(usize, usize)> = along.collect();
            let joined = rows.iter().flat_map(|&(window, place)| {
                along
                    .iter()
                    .map(move |next| (window + next.0, place + next.1))
            });
            rows = joined.collect();
        }
        let inside = self.inside(last, element[last]);
        if inside.is_empty() {
            return;
        }
        let first = self.at(last, element[last], inside.start) as usize;
        let (step, start) = (self.step(), self.runs.len());
        for (window, place) in rows {
            let run = Run {
                window: window + inside.start,
                place: place + first,
                len: inside.len(),
            };
            let before = self.runs[start..].last_mut();
            match before.filter(|before| before.window + before.len == run.window) {
                Some(before) if before.place + before.len * step == run.place => {
                    before.len += run.len;
                }
                _ => self.runs.push(run),
            }
        }
    }

    /// The distance in the image of an element of the kernel in neighbouring windows of a run.
    pub(crate) fn step(&self) -> usize {
        self.motion.steps.last().map_or(1, |&step| step as usize)
    }

    /// Where windows have an element of the kernel within the image.
    pub(crate) fn runs(&self, element: usize) -> &[Run] {
        &self.runs[self.starts[element]..self.starts[element + 1]]
    }

    /// The width of the kernel, if windows lie side by side along the last axis, none of them in
    /// the padding there: the elements of a row of the kernel then lie behind one another, window
    /// after window.
    pub(crate) fn tile(&self) -> Option<usize> {
        let width = *self.kernel.last()?;
        let follow = |first: usize, at: usize| {
            let mut pairs = self.runs(first).iter().zip(self.runs(first + at));
            let is_next = |(run, next): (&Run, &Run)| {
                (next.window, next.place, next.len) == (run.window, run.place + at, run.len)
            };
            self.runs(first).len() == self.runs(first + at).len() && pairs.all(is_next)
        };
        let mut rows = (0..self.kernel_len()).step_by(width);
        let is_tiled = rows.all(|first| (1..width).all(|at| follow(first, at)));
        (self.step() == width && is_tiled).then_some(width)
    }

    /// Whether each element of the image lies in one window, and only in one.
    pub(crate) fn is_partition(&self) -> bool {
        let mut is_seen = vec![false; size(&self.image)];
        let mut see = |place: usize| !std::mem::replace(&mut is_seen[place], true);
        let mut is_new = |run: &Run| (0..run.len).all(|i| see(run.place + i * self.step()));
        self.runs.iter().all(&mut is_new) && !is_seen.contains(&false)
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

    /// The runs from a place on as one.
    fn joined(&self, first: usize) -> Option<Run> {
        let runs = &self.runs[first..];
        let (first, last) = (runs.first()?, runs.last()?);
        let is_along = |run: &Run| run.place + first.window == first.place + run.window;
        (self.step() == 1 && runs.iter().all(is_along)).then(|| Run {
            len: last.window + last.len - first.window,
            ..*first
        })
    }

    /// Puts 0 into the gaps between the runs of an element of the kernel.
    fn clear_gaps<T: Real>(&self, element: usize, columns: &mut [T]) {
        for pair in self.runs(element).windows(2) {
            columns[pair[0].window + pair[0].len..pair[1].window].fill(T::zero());
        }
    }

    /// The elements that windows have under one element of the kernel, into a column for each
    /// window. Columns of windows that have it in the padding are left as they are, or become 0.
    pub(crate) fn gather<T: Real>(&self, element: usize, image: &[T], columns: &mut [T]) {
        if let Some(run) = self.shifts[element] {
            let from = &image[run.place..][..run.len];
            columns[run.window..][..run.len].copy_from_slice(from);
            return self.clear_gaps(element, columns);
        }
        for run in self.runs(element) {
            let from = &image[run.place..];
            let to = &mut columns[run.window..][..run.len];
            match self.step() {
                1 => to.copy_from_slice(&from[..run.len]),
                step => {
                    let pairs = to.iter_mut().zip(from.iter().step_by(step));
                    pairs.for_each(|(to, &from)| *to = from);
                }
            }
        }
    }

    /// The opposite of [`Windows::gather`]: adds each column, times a factor, to the element that
    /// it came from.
    pub(crate) fn scatter<T: Real>(
        &self,
        element: usize,
        factor: T,
        columns: &[T],
        image: &mut [T],
    ) {
        for run in self.runs(element) {
            let from = &columns[run.window..][..run.len];
            let to = &mut image[run.place..];
            match self.step() {
                1 => add(&mut to[..run.len], factor, from),
                step => {
                    let pairs = to.iter_mut().step_by(step).zip(from);
                    pairs.for_each(|(to, &from)| *to += factor * from);
                }
            }
        }
    }

    /// The same from columns that are used up.
    pub(crate) fn scatter_all<T: Real>(&self, element: usize, columns: &mut [T], image: &mut [T]) {
        match self.shifts[element] {
            Some(run) => {
                self.clear_gaps(element, columns);
                let from = &columns[run.window..][..run.len];
                add(&mut image[run.place..][..run.len], T::one(), from);
            }
            None => self.scatter(element, T::one(), columns, image),
        }
    }

    /// Adds what windows have under one element of the kernel, times a factor, to a column for each.
    pub(crate) fn collect<T: Real>(
        &self,
        element: usize,
        factor: T,
        image: &[T],
        columns: &mut [T],
    ) {
        for run in self.runs(element) {
            let from = &image[run.place..];
            let to = &mut columns[run.window..][..run.len];
            match self.step() {
                1 => add(to, factor, &from[..run.len]),
                step => {
                    let pairs = to.iter_mut().zip(from.iter().step_by(step));
                    pairs.for_each(|(to, &from)| *to += factor * from);
                }
            }
        }
    }

    /// The sum over windows of a column's value times what the window has under one element of
    /// the kernel.
    pub(crate) fn along<T: Real>(&self, element: usize, image: &[T], columns: &[T]) -> T {
        let runs = self.runs(element).iter().map(|run| {
            let of_windows = &columns[run.window..][..run.len];
            let of_image = &image[run.place..];
            match self.step() {
                1 => dot(of_windows, &of_image[..run.len]),
                step => {
                    let pairs = of_windows.iter().zip(of_image.iter().step_by(step));
                    pairs.map(|(&a, &b)| a * b).sum()
                }
            }
        });
        runs.sum()
    }

    /// How far apart a window's elements lie along each axis, and the padding before the image, where
    /// windows move by one element.
    pub(crate) fn sliding(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        let sizes = |values: &[i64]| -> Option<Vec<usize>> {
            values.iter().map(|&value| value.try_into().ok()).collect()
        };
        let motion = &self.motion;
        let slides = motion.steps.iter().all(|&step| step == 1);
        slides
            .then(|| sizes(&motion.dilations).zip(sizes(&motion.begin)))
            .flatten()
    }

    /// Whether the windows are the elements themselves, in order.
    pub(crate) fn is_plain(&self) -> bool {
        let area = size(&self.image);
        let is_whole = |run: &Run| (run.window, run.place, run.len) == (0, 0, area);
        let is_alone = self.runs.len() == 1 && self.runs.iter().all(is_whole);
        is_alone && self.kernel_len() == 1 && self.len() == area && self.step() == 1
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
