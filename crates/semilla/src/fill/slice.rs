//! N-dimensional slices: the shards of a sharded tensor, and the parts of a large one.

/// A box of a tensor: an offset and a size per axis.
///
/// Any offsets and sizes make a slice; whether it lies inside a tensor is for
/// [`check`](Self::check) to say. All arithmetic is total: nothing overflows and nothing panics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    offset: Vec<usize>,
    size: Vec<usize>,
}

/// The box does not lie inside the tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the slice at {offset:?} of size {size:?} does not lie inside shape {shape:?}")]
pub struct SliceError {
    /// Where it begins.
    pub offset: Vec<usize>,
    /// Its sizes.
    pub size: Vec<usize>,
    /// The tensor's shape.
    pub shape: Vec<usize>,
}

impl Slice {
    /// The box that begins at `offset` with the given sizes, one of each per axis.
    pub fn new(offset: impl Into<Vec<usize>>, size: impl Into<Vec<usize>>) -> Self {
        Self {
            offset: offset.into(),
            size: size.into(),
        }
    }

    /// The whole tensor.
    pub fn whole(shape: &[usize]) -> Self {
        Self::new(vec![0; shape.len()], shape)
    }

    /// A box of `axes` axes without an element.
    fn empty(axes: usize) -> Self {
        Self::new(vec![0; axes], vec![0; axes])
    }

    /// The part of the box in `start..start + size` of an axis, as a box of that section.
    pub(crate) fn within(&self, axis: usize, start: usize, size: usize) -> Self {
        let (low, end) = (self.offset[axis], start.saturating_add(size));
        let high = low.saturating_add(self.size[axis]);
        let begin = low.clamp(start, end);
        let mut section = self.clone();
        section.offset[axis] = begin - start;
        section.size[axis] = high.clamp(begin, end) - begin;
        section
    }

    /// The first index and the number of indices along an axis.
    pub(crate) fn extent(&self, axis: usize) -> (usize, usize) {
        (self.offset[axis], self.size[axis])
    }

    /// A box of one index of the first axis, without that axis; empty if the box is.
    pub(crate) fn without_first(mut self) -> Self {
        if self.size.remove(0) == 0 {
            self.size.fill(0);
        }
        self.offset.remove(0);
        self
    }

    /// The box with a new extent along an axis.
    pub(crate) fn narrowed(mut self, axis: usize, start: usize, size: usize) -> Self {
        (self.offset[axis], self.size[axis]) = (start, size);
        self
    }

    /// The box cut along an axis, into at most so many pieces of equal size but for the last.
    pub(crate) fn cut(&self, axis: usize, pieces: usize) -> Vec<Self> {
        let size = self.size[axis];
        let each = size.div_ceil(pieces.max(1)).max(1);
        let piece = |start: usize| {
            let offset = self.offset[axis] + start;
            self.clone().narrowed(axis, offset, each.min(size - start))
        };
        (0..size).step_by(each).map(piece).collect()
    }

    /// The box of a section that begins at `start` of an axis, as a box of the whole.
    pub(crate) fn moved(mut self, axis: usize, start: usize) -> Self {
        self.offset[axis] += start;
        self
    }

    /// The box of a stack's member, as a box of the stack.
    pub(crate) fn stacked_at(mut self, index: usize) -> Self {
        self.offset.insert(0, index);
        self.size.insert(0, 1);
        self
    }

    /// The axes of two boxes of one tensor; `Err` with the most that any of their lists has if they
    /// are not of one tensor.
    fn common_axes(&self, other: &Self) -> Result<usize, usize> {
        let axes = [&self.offset, &self.size, &other.offset, &other.size].map(Vec::len);
        match axes.iter().all(|&n| n == axes[0]) {
            true => Ok(axes[0]),
            false => Err(axes.into_iter().max().unwrap_or(0)),
        }
    }

    /// The box that two boxes of one tensor share; empty where nothing, and for boxes with
    /// different numbers of axes.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut shared = other.seen_from(self);
        // Empty boxes of different ranks have no offset to add.
        for (offset, outer) in shared.offset.iter_mut().zip(&self.offset) {
            *offset = offset.saturating_add(*outer);
        }
        shared
    }

    /// The part of the box inside `outer`, as a box of the shard that `outer` is; empty where they
    /// share nothing, and for boxes with different numbers of axes.
    pub fn seen_from(&self, outer: &Self) -> Self {
        let axes = match self.common_axes(outer) {
            Ok(axes) => axes,
            Err(axes) => return Self::empty(axes),
        };
        (0..axes).fold(self.clone(), |seen, axis| {
            seen.within(axis, outer.offset[axis], outer.size[axis])
        })
    }

    /// Rank `rank` of `world`'s chunk of the first axis: chunks of ⌈size / world⌉ indices, the last
    /// ones shorter or empty, as `torch.chunk` and DTensor's `Shard(0)` cut. Ranks from `world` on
    /// (all, if it is 0) have an empty chunk. A scalar has no axis to cut: it is whole on every
    /// rank, and belongs to rank 0.
    pub fn of_rank(shape: &[usize], rank: usize, world: usize) -> Self {
        let Some(&first) = shape.first() else {
            return Self::whole(shape);
        };
        let chunk = match rank < world {
            true => first.div_ceil(world),
            false => 0,
        };
        let start = chunk.saturating_mul(rank).min(first);
        Self::whole(shape).narrowed(0, start, chunk.min(first - start))
    }

    /// Where the box begins.
    pub fn offset(&self) -> &[usize] {
        &self.offset
    }

    /// The sizes: the shape of the shard.
    pub fn size(&self) -> &[usize] {
        &self.size
    }

    /// The number of elements; [`u64::MAX`] for a box of more, which lies inside no tensor.
    pub fn len(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let sizes = self.size.iter();
        sizes.fold(1, |n: u64, &size| n.saturating_mul(size as u64))
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    /// Whether the box lies inside a shape.
    ///
    /// # Errors
    /// [`SliceError`] if not.
    pub fn check(&self, shape: &[usize]) -> Result<(), SliceError> {
        match self.lies_in(&Self::whole(shape)) {
            true => Ok(()),
            false => Err(SliceError {
                offset: self.offset.clone(),
                size: self.size.clone(),
                shape: shape.to_vec(),
            }),
        }
    }

    /// Whether the box lies inside a box of the same tensor.
    pub(crate) fn lies_in(&self, outer: &Self) -> bool {
        let inside = |axis: usize| {
            let end = self.offset[axis].checked_add(self.size[axis]);
            let outer_end = outer.offset[axis].saturating_add(outer.size[axis]);
            self.offset[axis] >= outer.offset[axis] && end.is_some_and(|end| end <= outer_end)
        };
        self.common_axes(outer)
            .is_ok_and(|axes| (0..axes).all(inside))
    }

    /// Whether the box, which lies inside `shape`, has elements `first..first + len` of the tensor.
    pub(crate) fn has_range(&self, shape: &[usize], first: u64, len: u64) -> bool {
        let Some(last) = len.checked_sub(1) else {
            return true;
        };
        if self.is_empty() {
            return false;
        }
        let (mut low, mut high) = (first, first + last);
        // From the last axis on: as long as the range spans several indices of the axes before, it
        // wraps around this one, which must be whole.
        for axis in (0..shape.len()).rev() {
            let size = shape[axis] as u64;
            let (start, end) = (low % size, high % size);
            (low, high) = (low / size, high / size);
            let (from, to) = (self.offset[axis] as u64, self.size[axis] as u64);
            let has = match low == high {
                true => from <= start && end < from + to,
                false => to == size,
            };
            if !has {
                return false;
            }
        }
        true
    }

    /// The contiguous runs of the whole tensor that make up elements `first..first + len` of the
    /// box, as (element of the tensor, length), in order.
    ///
    /// Elements past the box's end are left out. A box that does not lie inside `shape`, or a shape
    /// of more elements than a `u64` counts, has no runs; [`check`](Self::check) the box first.
    pub fn runs(
        &self,
        shape: &[usize],
        first: u64,
        len: u64,
    ) -> impl Iterator<Item = (u64, u64)> + '_ {
        let axes = shape.len();
        // Elements of one index of each axis; `None` where they cannot be counted.
        let strides: Option<Vec<u64>> = (0..=axes)
            .map(|axis| {
                let mut inner = shape[axis..].iter();
                inner.try_fold(1u64, |n, &size| n.checked_mul(size as u64))
            })
            .collect();
        let strides = strides.filter(|_| self.check(shape).is_ok());
        let end = match strides {
            Some(_) => first.saturating_add(len).min(self.len()),
            None => 0,
        };
        let strides = strides.unwrap_or_default();
        // The trailing axes that are taken whole are one run together with the axis before them.
        let whole = self.size.iter().zip(shape).rev();
        let whole = whole.take_while(|(size, whole)| size == whole).count();
        let inner = axes.saturating_sub(whole + 1);
        let run: u64 = match end {
            0 => 0,
            _ => self.size[inner..].iter().map(|&size| size as u64).product(),
        };
        let mut at = first;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (mut outer, within) = (at / run, at % run);
            let mut start = within;
            for axis in (0..axes).rev() {
                let index = if axis < inner {
                    let index = outer % self.size[axis] as u64;
                    outer /= self.size[axis] as u64;
                    index
                } else {
                    0
                };
                start += (self.offset[axis] as u64 + index) * strides[axis + 1];
            }
            let len = (run - within).min(end - at);
            at += len;
            Some((start, len))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUGE: usize = usize::MAX;

    #[test]
    fn huge_slices_are_counted_without_overflow() {
        assert_eq!(Slice::new([0, 0], [HUGE, HUGE]).len(), u64::MAX);
        assert_eq!(Slice::new([0; 3], [HUGE, HUGE, 0]).len(), 0);
        assert_eq!(Slice::new([], []).len(), 1);
        assert!(Slice::new([1], [HUGE]).check(&[HUGE]).is_err());
        let far = Slice::new([HUGE, HUGE], [HUGE, HUGE]);
        assert_eq!(far.intersection(&far).offset(), [HUGE, HUGE]);
    }

    #[test]
    fn slices_share_what_lies_in_both() {
        let (a, b) = (Slice::new([2, 0], [4, 5]), Slice::new([3, 1], [9, 2]));
        assert_eq!(a.intersection(&b), Slice::new([3, 1], [3, 2]));
        assert_eq!(b.seen_from(&a), Slice::new([1, 1], [3, 2]));
        assert_eq!(a.seen_from(&b), Slice::new([0, 0], [3, 2]));
        assert!(a.intersection(&Slice::new([6, 0], [1, 5])).is_empty());
        for other in [
            Slice::new([2], [4]),
            Slice::new([], []),
            Slice::new([0, 0], [1]),
            Slice::new([], [1, 1, 1]),
        ] {
            for (one, two) in [(&a, &other), (&other, &a)] {
                assert!(one.intersection(two).is_empty(), "{one:?} {two:?}");
                assert!(one.seen_from(two).is_empty(), "{one:?} {two:?}");
            }
        }
    }

    #[test]
    fn slices_outside_the_shape_have_no_runs() {
        let runs = |slice: Slice, shape: &[usize], first, len| {
            slice.runs(shape, first, len).collect::<Vec<_>>()
        };
        assert_eq!(runs(Slice::new([1], [2]), &[4], 0, 2), [(1, 2)]);
        assert_eq!(runs(Slice::new([1], [2]), &[4], 1, u64::MAX), [(2, 1)]);
        assert_eq!(runs(Slice::new([1], [2]), &[4], u64::MAX, 1), []);
        assert_eq!(runs(Slice::new([3], [2]), &[4], 0, 2), []);
        assert_eq!(runs(Slice::new([0], [2]), &[4, 4], 0, 2), []);
        assert_eq!(runs(Slice::new([0, 0], [2]), &[4, 4], 0, 2), []);
        assert_eq!(runs(Slice::new([0, 0], [1, 1]), &[HUGE, HUGE], 0, 1), []);
        assert_eq!(runs(Slice::new([], []), &[], 0, 1), [(0, 1)]);
    }

    #[test]
    fn ranks_that_do_not_exist_have_nothing() {
        for (rank, world) in [(0, 0), (3, 0), (2, 2), (HUGE, 2)] {
            let slice = Slice::of_rank(&[4, 2], rank, world);
            assert!(slice.is_empty() && slice.check(&[4, 2]).is_ok());
        }
        assert_eq!(Slice::of_rank(&[4, 2], 1, 2), Slice::new([2, 0], [2, 2]));
    }

    /// Against the elements themselves, for every box and range of a small tensor.
    #[test]
    fn ranges_are_found_in_boxes() {
        let shape = [2, 3, 2];
        for box_at in 0..1usize << 6 {
            let pick = |bit: usize| box_at >> bit & 1;
            let offset = [pick(0), pick(1), pick(2)];
            let size: Vec<usize> = (0..3)
                .map(|axis| (shape[axis] - offset[axis]).saturating_sub(pick(3 + axis)))
                .collect();
            let slice = Slice::new(offset, size);
            let elements: Vec<u64> = slice
                .runs(&shape, 0, slice.len())
                .flat_map(|(start, len)| start..start + len)
                .collect();
            assert_eq!(elements.len() as u64, slice.len());
            for first in 0..12 {
                for len in 0..=12 - first {
                    let expected = (first..first + len).all(|i| elements.contains(&i));
                    let found = slice.has_range(&shape, first, len);
                    assert_eq!(found, expected, "{slice:?} {first} {len}");
                }
            }
        }
    }
}
