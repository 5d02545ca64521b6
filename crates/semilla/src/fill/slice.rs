//! N-dimensional slices: what a shard of a sharded tensor is.

/// A box of a tensor: an offset and a size per axis.
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
    /// The box that begins at `offset` with the given sizes.
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

    /// What of the box lies in `start..start + size` of an axis, as a box of that section.
    pub(crate) fn within(&self, axis: usize, start: usize, size: usize) -> Self {
        let (low, high) = (self.offset[axis], self.offset[axis] + self.size[axis]);
        let begin = low.clamp(start, start + size);
        let mut section = self.clone();
        section.offset[axis] = begin - start;
        section.size[axis] = high.clamp(begin, start + size) - begin;
        section
    }

    /// A box of one index of the first axis, without that axis; empty if the box is.
    pub(crate) fn without_first(mut self) -> Self {
        if self.size.remove(0) == 0 {
            self.size.fill(0);
        }
        self.offset.remove(0);
        self
    }

    /// The box with another extent along an axis.
    pub(crate) fn narrowed(mut self, axis: usize, start: usize, size: usize) -> Self {
        (self.offset[axis], self.size[axis]) = (start, size);
        self
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

    /// What two boxes of one tensor share: empty where nothing.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut shared = self.clone();
        for axis in 0..self.size.len() {
            let section = other.within(axis, self.offset[axis], self.size[axis]);
            shared.offset[axis] = self.offset[axis] + section.offset[axis];
            shared.size[axis] = section.size[axis];
        }
        shared
    }

    /// A box inside `outer`, as a box of the shard that `outer` is.
    ///
    /// # Panics
    /// If it begins before `outer` does.
    pub fn seen_from(&self, outer: &Self) -> Self {
        let offsets = self.offset.iter().zip(&outer.offset);
        Self::new(
            offsets.map(|(own, outer)| own - outer).collect::<Vec<_>>(),
            self.size.clone(),
        )
    }

    /// Rank `rank` of `world`'s chunk of the first axis: chunks of ⌈size / world⌉ indices, the last ones shorter or empty,
    /// as `torch.chunk` and DTensor's `Shard(0)` cut. A scalar belongs to rank 0.
    pub fn of_rank(shape: &[usize], rank: usize, world: usize) -> Self {
        let Some((&first, rest)) = shape.split_first() else {
            return Self::new([], []);
        };
        let chunk = first.div_ceil(world.max(1));
        let start = chunk.saturating_mul(rank).min(first);
        let size = chunk.min(first - start);
        let mut slice = Self {
            offset: vec![0; shape.len()],
            size: vec![size],
        };
        slice.offset[0] = start;
        slice.size.extend_from_slice(rest);
        slice
    }

    /// Where the box begins.
    pub fn offset(&self) -> &[usize] {
        &self.offset
    }

    /// The sizes: the shape of the shard.
    pub fn size(&self) -> &[usize] {
        &self.size
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.size.iter().map(|&size| size as u64).product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    /// Whether the box lies inside a shape.
    ///
    /// # Errors
    /// [`SliceError`] if not.
    pub fn check(&self, shape: &[usize]) -> Result<(), SliceError> {
        let inside = self.offset.len() == shape.len()
            && self.size.len() == shape.len()
            && (0..shape.len()).all(|axis| {
                self.offset[axis]
                    .checked_add(self.size[axis])
                    .is_some_and(|end| end <= shape[axis])
            });
        if inside {
            return Ok(());
        }
        let (offset, size) = (self.offset.clone(), self.size.clone());
        Err(SliceError {
            offset,
            size,
            shape: shape.to_vec(),
        })
    }

    /// The contiguous runs of the whole tensor that make up elements `first..first + len` of the box, as
    /// (element of the tensor, length), in order. The box must lie inside `shape`.
    pub fn runs(
        &self,
        shape: &[usize],
        first: u64,
        len: u64,
    ) -> impl Iterator<Item = (u64, u64)> + '_ {
        let axes = shape.len();
        // The trailing axes that are taken whole are one run together with the axis before them.
        let whole = (0..axes)
            .rev()
            .take_while(|&axis| self.size[axis] == shape[axis])
            .count();
        let inner = axes.saturating_sub(whole + 1);
        let run: u64 = self.size[inner.min(axes)..]
            .iter()
            .map(|&size| size as u64)
            .product();
        let strides: Vec<u64> = (0..axes)
            .map(|axis| shape[axis + 1..].iter().map(|&size| size as u64).product())
            .collect();
        let end = first + len;
        let mut at = first;
        std::iter::from_fn(move || {
            if at >= end || run == 0 {
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
                start += (self.offset[axis] as u64 + index) * strides[axis];
            }
            let len = (run - within).min(end - at);
            at += len;
            Some((start, len))
        })
    }
}
