//! Tensors in memory that another library owns (PyTorch, NumPy), as destinations of values.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use semilla::{DType, Slice};
use semilla_checkpoint::{CheckpointWriter, Error, Malformed, TensorInfo, Tensors};

/// A strided array that values are written into.
#[derive(Clone)]
pub(crate) struct Memory {
    /// The address of the first element.
    start: usize,
    dtype: DType,
    axes: Vec<Axis>,
}

/// The size of an axis, and the bytes from one of its indices to the next.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    step: isize,
}

/// Why an array is no destination.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryMistake {
    #[error("{shape:?} has {} axes and {strides:?} {}; give one stride per axis", shape.len(),
            strides.len())]
    Axes {
        shape: Vec<usize>,
        strides: Vec<isize>,
    },
    #[error(
        "the tensor has no memory of its own (its storage was freed, or never made); materialize \
         it first"
    )]
    Freed,
    #[error(
        "unsupported operation: more than one element of the written-to tensor refers to a single \
         memory location; please clone() the tensor first"
    )]
    Overlap,
    #[error("the array does not lie in one piece; hand over a contiguous copy")]
    Scattered,
    #[error(
        "the part of {whole:?} that is held has {held:?} elements per axis, the tensor {shape:?}"
    )]
    Part {
        whole: Vec<usize>,
        held: Vec<usize>,
        shape: Vec<usize>,
    },
    #[error(transparent)]
    DType(#[from] semilla::UnknownDType),
}

impl From<MemoryMistake> for PyErr {
    fn from(mistake: MemoryMistake) -> Self {
        let text = mistake.to_string();
        match mistake {
            // As PyTorch does.
            MemoryMistake::Overlap => PyRuntimeError::new_err(text),
            MemoryMistake::DType(_) => PyTypeError::new_err(text),
            _ => PyValueError::new_err(text),
        }
    }
}

impl Memory {
    /// An array of a type, with the steps between elements counted in elements; row-major without
    /// any.
    ///
    /// # Safety
    /// Every element must be valid for writes as long as the array or one made from it is used, and
    /// used by nobody else meanwhile.
    unsafe fn new(
        start: usize,
        dtype: DType,
        shape: &[usize],
        strides: Option<&[isize]>,
    ) -> Result<Self, MemoryMistake> {
        let strides = strides.map_or_else(|| Cow::from(row_major(shape)), Cow::from);
        if shape.len() != strides.len() {
            return Err(MemoryMistake::Axes {
                shape: shape.to_vec(),
                strides: strides.to_vec(),
            });
        }
        let width = dtype.size() as isize;
        let sized = shape.iter().zip(&*strides);
        let axes = sized.map(|(&size, &stride)| Axis {
            size,
            step: stride.wrapping_mul(width),
        });
        let memory = Self {
            start,
            dtype,
            axes: axes.collect(),
        };
        if memory.axes.iter().all(|axis| axis.size > 0) {
            if start == 0 {
                return Err(MemoryMistake::Freed);
            }
            if memory.overlaps() {
                return Err(MemoryMistake::Overlap);
            }
        }
        Ok(memory)
    }

    /// Whether two elements may lie at one place.
    fn overlaps(&self) -> bool {
        let mut axes: Vec<Axis> = self.axes.iter().copied().filter(|a| a.size > 1).collect();
        axes.sort_unstable_by_key(|axis| axis.step.unsigned_abs());
        // The bytes that the axes so far span.
        let mut span = self.dtype.size();
        axes.iter().any(|axis| {
            let step = axis.step.unsigned_abs();
            let within = span;
            span = step.saturating_mul(axis.size - 1).saturating_add(within);
            step < within
        })
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The part of the array in a box of it, which must lie inside.
    pub(crate) fn part(&self, place: &Slice) -> Self {
        let mut part = self.clone();
        let extents = place.offset().iter().zip(place.size());
        for (axis, (&offset, &size)) in part.axes.iter_mut().zip(extents) {
            part.start = part
                .start
                .wrapping_add_signed(axis.step.wrapping_mul(offset as isize));
            axis.size = size;
        }
        part
    }

    /// The same elements in the same order, with as few axes as they need.
    pub(crate) fn merged(mut self) -> Self {
        let mut merged: Vec<Axis> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().copied().filter(|axis| axis.size != 1) {
            match merged.last_mut() {
                Some(before) if before.step == axis.step.wrapping_mul(axis.size as isize) => {
                    before.size *= axis.size;
                    before.step = axis.step;
                }
                _ => merged.push(axis),
            }
        }
        self.axes = merged;
        self
    }

    /// The bytes of elements `first..first + len`, if they lie one after the other and aligned.
    /// The array must be [`merged`](Self::merged).
    ///
    /// # Safety
    /// Nobody else uses these elements as long as the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "the memory is not ours: see the safety note"
    )]
    pub(crate) unsafe fn bytes(&self, first: u64, len: usize) -> Option<&mut [u8]> {
        let width = self.dtype.size();
        let size = match self.axes[..] {
            [] => 1,
            [axis] if axis.step == width as isize => axis.size as u64,
            _ => return None,
        };
        let fits = first.checked_add(len as u64).is_some_and(|end| end <= size);
        let start = self.start + first as usize * width;
        if !fits || !start.is_multiple_of(width) || len == 0 {
            return None;
        }
        // SAFETY: the elements lie inside the array, whose elements are valid for writes.
        Some(unsafe { std::slice::from_raw_parts_mut(start as *mut u8, len * width) })
    }

    /// Writes elements from `first` on, in row-major order. Elements past the end are left out.
    ///
    /// # Safety
    /// Nobody else uses these elements meanwhile.
    pub(crate) unsafe fn write(&self, first: u64, bytes: &[u8]) {
        let width = self.dtype.size();
        let (outer, inner) = match &self.axes[..] {
            [outer @ .., inner] => (outer, *inner),
            [] => (&[][..], Axis { size: 1, step: 0 }),
        };
        let mut at = first;
        let mut rest = bytes;
        while !rest.is_empty() && inner.size > 0 {
            let within = (at % inner.size as u64) as usize;
            let mut index = at / inner.size as u64;
            let mut start = self
                .start
                .wrapping_add_signed(inner.step.wrapping_mul(within as isize));
            for axis in outer.iter().rev() {
                let place = (index % axis.size as u64) as isize;
                start = start.wrapping_add_signed(axis.step.wrapping_mul(place));
                index /= axis.size as u64;
            }
            if index > 0 {
                return;
            }
            let len = (inner.size - within).min(rest.len() / width);
            if len == 0 {
                return;
            }
            let (run, others) = rest.split_at(len * width);
            // SAFETY: the run's elements lie inside the array: `within` and each place are below
            // their axis's size.
            unsafe { scatter(start, inner.step, width, run) };
            at += len as u64;
            rest = others;
        }
    }
}

/// The strides of a contiguous array.
fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis] as isize);
    }
    strides
}

/// Copies elements of `width` bytes to addresses `step` bytes apart.
///
/// # Safety
/// All of them must be valid for writes.
unsafe fn scatter(start: usize, step: isize, width: usize, run: &[u8]) {
    /// # Safety
    /// As [`scatter`].
    unsafe fn each<const WIDTH: usize>(start: usize, step: isize, run: &[u8]) {
        for (index, element) in run.as_chunks::<WIDTH>().0.iter().enumerate() {
            let at = start.wrapping_add_signed(step.wrapping_mul(index as isize));
            // SAFETY: by contract; a byte array needs no alignment.
            unsafe { (at as *mut [u8; WIDTH]).write(*element) };
        }
    }
    // SAFETY: by contract.
    unsafe {
        match width {
            _ if step == width as isize => {
                std::ptr::copy_nonoverlapping(run.as_ptr(), start as *mut u8, run.len());
            }
            1 => each::<1>(start, step, run),
            2 => each::<2>(start, step, run),
            4 => each::<4>(start, step, run),
            _ => each::<8>(start, step, run),
        }
    }
}

/// A tensor, or the part of one that this process holds, as Python describes it: `(address, dtype,
/// shape, strides in elements, part)`. The strides are `None` for a contiguous array. The part is
/// `None`, or `(whole shape, ranges)`: per axis the ranges `(start, len)` of the whole tensor that
/// are held, in order.
pub(crate) struct Destination {
    start: usize,
    dtype: DType,
    shape: Vec<usize>,
    strides: Option<Vec<isize>>,
    part: Option<HeldPart>,
}

/// The shape of a whole tensor, and per axis the ranges of it that are held.
pub(crate) type HeldPart = (Vec<usize>, Vec<Vec<(usize, usize)>>);

// By hand: an initializer's call on ten elements consists of this.
impl<'py> FromPyObject<'_, 'py> for Destination {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let fields = object.cast::<PyTuple>()?;
        let field = |index| fields.get_borrowed_item(index);
        let strides = field(3)?;
        let dtype: DType = field(1)?
            .cast::<PyString>()?
            .to_str()?
            .parse()
            .map_err(MemoryMistake::from)?;
        Ok(Self {
            start: field(0)?.extract()?,
            dtype,
            shape: numbers(field(2)?)?,
            strides: (!strides.is_none()).then(|| numbers(strides)).transpose()?,
            part: field(4)?.extract()?,
        })
    }
}

/// The numbers of a tuple, which sizes and strides nearly always are, or of another sequence.
fn numbers<'py, N>(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Vec<N>>
where
    N: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    match object.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter_borrowed().map(|item| item.extract()).collect(),
        Err(_) => object.try_iter()?.map(|item| item?.extract()).collect(),
    }
}

/// A box of a tensor, and where it goes.
pub(crate) struct Piece {
    pub(crate) slice: Slice,
    pub(crate) memory: Memory,
}

impl Destination {
    /// The bytes of an array that lies in one piece, to be read or written.
    ///
    /// # Safety
    /// As [`Self::pieces`].
    pub(crate) unsafe fn bytes(&mut self) -> Result<&mut [u8], MemoryMistake> {
        // SAFETY: by contract.
        let memory =
            unsafe { Memory::new(self.start, self.dtype, &self.shape, self.strides.as_deref())? };
        let size: usize = self.shape.iter().product();
        if size == 0 {
            return Ok(&mut []);
        }
        if !self.start.is_multiple_of(self.dtype.size()) || self.strides.is_some() {
            return Err(MemoryMistake::Scattered);
        }
        // SAFETY: by contract; the slice lives as long as `self` is borrowed, and is as large as
        // the array.
        Ok(unsafe {
            std::slice::from_raw_parts_mut(memory.start as *mut u8, size * self.dtype.size())
        })
    }

    /// The bytes of a whole array of few elements that lies in one piece, aligned; `None` of any
    /// other.
    ///
    /// # Safety
    /// As [`Self::pieces`].
    #[expect(
        clippy::mut_from_ref,
        reason = "the memory is not ours: see the safety note"
    )]
    pub(crate) unsafe fn run(&self, most: usize) -> Option<&mut [u8]> {
        let is_whole = self.part.is_none() && self.strides.is_none();
        if !is_whole || self.start == 0 || !self.start.is_multiple_of(self.dtype.size()) {
            return None;
        }
        let sizes = self.shape.iter().copied();
        let len = sizes.fold(1usize, usize::saturating_mul);
        // SAFETY: by contract; the slice lives as long as `self` is borrowed, and is as large as
        // the array.
        (1..=most).contains(&len).then(|| unsafe {
            std::slice::from_raw_parts_mut(self.start as *mut u8, len * self.dtype.size())
        })
    }

    /// The shape of the whole tensor.
    pub(crate) fn whole(&self) -> &[usize] {
        self.part.as_ref().map_or(&self.shape, |(whole, _)| whole)
    }

    /// The element type.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The boxes of the whole tensor that are held. Their memory is written without the GIL.
    ///
    /// # Safety
    /// The address, type, shape and strides must be those of a live array that nobody else uses
    /// until the pieces are dropped. Python's side of this package takes them from the array itself
    /// and holds it during the call.
    pub(crate) unsafe fn pieces(&self) -> Result<Vec<Piece>, MemoryMistake> {
        let Self { shape, part, .. } = self;
        // SAFETY: by contract.
        let memory =
            unsafe { Memory::new(self.start, self.dtype, shape, self.strides.as_deref())? };
        let Some((whole, ranges)) = part else {
            let slice = Slice::whole(shape);
            return Ok(vec![Piece { slice, memory }]);
        };
        let held = |ranges: &Vec<(usize, usize)>| {
            let lengths = ranges.iter().map(|range| range.1);
            lengths.fold(0usize, usize::saturating_add)
        };
        let held: Vec<usize> = ranges.iter().map(held).collect();
        if held != *shape || whole.len() != shape.len() {
            return Err(MemoryMistake::Part {
                whole: whole.clone(),
                held,
                shape: shape.clone(),
            });
        }
        let piece = |[outside, inside]: [Slice; 2]| Piece {
            slice: outside,
            memory: memory.part(&inside),
        };
        Ok(boxes(ranges).into_iter().map(piece).collect())
    }
}

/// The boxes that ranges of each axis span: of the whole tensor, and of the memory that holds them.
fn boxes(ranges: &[Vec<(usize, usize)>]) -> Vec<[Slice; 2]> {
    // Axis by axis.
    let mut boxes = vec![[(Vec::new(), Vec::new()), (Vec::new(), Vec::new())]];
    for ranges in ranges {
        let extended = boxes.iter().flat_map(|place| {
            let mut at = 0;
            ranges.iter().map(move |&(start, len)| {
                let mut place = place.clone();
                for ((offset, size), start) in place.iter_mut().zip([start, at]) {
                    offset.push(start);
                    size.push(len);
                }
                at += len;
                place
            })
        });
        boxes = extended.collect();
    }
    let slices = boxes.into_iter();
    slices
        .map(|place| place.map(|(offset, size)| Slice::new(offset, size)))
        .collect()
}

/// The boxes of a tensor of this shape that a part of it is; all of it for `None`.
pub(crate) fn held(shape: &[usize], part: Option<&HeldPart>) -> Vec<Slice> {
    match part {
        None => vec![Slice::whole(shape)],
        Some((_, ranges)) => boxes(ranges)
            .into_iter()
            .map(|[outside, _]| outside)
            .collect(),
    }
}

/// Arrays as the tensors of a writer.
pub(crate) struct Memories {
    tensors: Tensors,
    memories: Vec<Memory>,
}

impl Memories {
    /// A tensor for each piece, in order.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Piece>) -> Result<Self, Malformed> {
        let mut infos = Vec::new();
        let mut memories = Vec::new();
        for (index, Piece { slice, memory }) in pieces.into_iter().enumerate() {
            let shape = slice.size().to_vec();
            infos.push(TensorInfo::new(index.to_string(), memory.dtype, shape)?);
            memories.push(memory.merged());
        }
        let tensors = Tensors::new(infos)?;
        Ok(Self { tensors, memories })
    }
}

impl CheckpointWriter for Memories {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn write(&self, tensor: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let memory = &self.memories[tensor];
        // SAFETY: a writer's caller writes every byte once; the rest is `Destination`'s contract.
        unsafe { memory.write(offset / memory.dtype.size() as u64, bytes) };
        Ok(())
    }

    fn make(
        &self,
        tensor: usize,
        offset: u64,
        len: usize,
        make: &mut dyn FnMut(&mut [u8]) -> Result<(), Error>,
    ) -> Option<Result<(), Error>> {
        let memory = &self.memories[tensor];
        let width = memory.dtype.size();
        // SAFETY: as for `write`.
        let bytes = unsafe { memory.bytes(offset / width as u64, len / width) };
        bytes.map(make)
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}
