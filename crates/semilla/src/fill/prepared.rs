//! A fill made ready for one tensor.

use std::ops::Range;

use half::{bf16, f16};
use rayon::prelude::*;

use super::{Fill, FillError, Section, Slice, SliceError, count, normal, with_axis};
use crate::distribution::Distribution;
use crate::dtype::{DType, Element, F8E4M3, F8E5M2};
use crate::init::{Projection, StatePart};
use crate::layout::{Axis, Layout};
use crate::matrix;
use crate::stream::{Key, Sampler, Stream};

/// A fill made ready for one tensor: writes any of its elements, in any order, on any thread.
pub struct Prepared {
    shape: Vec<usize>,
    dtype: DType,
    elements: u64,
    source: Source,
}

/// Where elements come from.
enum Source {
    Constant(f64),
    Draw(Stream, Sampler),
    /// Each element by itself, from its index.
    Each(Box<dyn Fn(u64) -> f64 + Send + Sync>),
    /// A matrix, or the part of it that was asked for, held in the precision that it is made in.
    Matrix(Area, Matrix),
    Stacked {
        each: Vec<Prepared>,
        len: u64,
    },
    Blocks {
        axis_len: u64,
        inner: u64,
        sections: Vec<(u64, Prepared)>,
    },
    Repeated {
        axis_len: u64,
        inner: u64,
        repeats: u64,
        of: Box<Prepared>,
    },
    Padded {
        padding: std::ops::Range<u64>,
        of: Box<Prepared>,
    },
}

/// A part of a matrix, held row-major.
#[derive(Clone)]
struct Area {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Columns of the whole matrix.
    width: usize,
}

impl Area {
    fn whole(rows: usize, width: usize) -> Self {
        Self {
            rows: 0..rows,
            columns: 0..width,
            width,
        }
    }

    /// What of a `rows` × `width` matrix a tensor's slice needs: rows where only the first axis is cut, columns where
    /// only the last is, else all.
    fn of(slice: &Slice, shape: &[usize], rows: usize, width: usize) -> Self {
        let mut area = Self::whole(rows, width);
        let (first, last) = (0, shape.len() - 1);
        if rows.is_multiple_of(shape[first].max(1)) && shape[first] > 0 {
            let each = rows / shape[first];
            let start = slice.offset()[first] * each;
            area.rows = start..start + slice.size()[first] * each;
        }
        if width == shape[last] && last > first {
            let start = slice.offset()[last];
            area.columns = start..start + slice.size()[last];
        }
        area
    }

    fn len(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// The place of an element of the whole matrix, and how many follow it in its run.
    fn locate(&self, index: usize) -> (usize, usize) {
        let (row, column) = (index / self.width - self.rows.start, index % self.width);
        let place = row * self.columns.len() + column - self.columns.start;
        let run = if self.columns.len() == self.width {
            self.len() - place
        } else {
            self.columns.end - column
        };
        (place, run)
    }
}

enum Matrix {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Matrix {
    fn get(&self, index: usize) -> f64 {
        match self {
            Self::F32(values) => f64::from(values[index]),
            Self::F64(values) => values[index],
        }
    }

    /// Elements from `first` on, which counts in the whole matrix.
    fn copy<E: Element>(&self, area: &Area, mut first: usize, mut out: &mut [E]) {
        while !out.is_empty() {
            let (place, run) = area.locate(first);
            let len = run.min(out.len());
            let (to, rest) = out.split_at_mut(len);
            match self {
                Self::F32(values) => {
                    for (to, &value) in to.iter_mut().zip(&values[place..place + len]) {
                        *to = E::from_f32(value);
                    }
                }
                Self::F64(values) => {
                    for (to, &value) in to.iter_mut().zip(&values[place..place + len]) {
                        *to = rounded(value);
                    }
                }
            }
            first += len;
            out = rest;
        }
    }
}

impl Fill {
    /// Makes the fill ready for the tensor with this key, shape and element type.
    ///
    /// # Errors
    /// A fill that does not fit the tensor, or [`Fill::Keep`], which has no values of its own.
    pub fn prepare(&self, key: Key, shape: &[usize], dtype: DType) -> Result<Prepared, FillError> {
        self.prepare_part(key, shape, dtype, &Slice::whole(shape))
    }

    /// As [`Fill::prepare`], for the elements of one slice only: with [`Fill::parts`], a way to bound the memory that large matrices
    /// take. The elements are still addressed in the whole tensor.
    ///
    /// # Errors
    /// As [`Fill::prepare`], or a slice that does not lie inside the shape.
    pub fn prepare_part(
        &self,
        key: Key,
        shape: &[usize],
        dtype: DType,
        part: &Slice,
    ) -> Result<Prepared, FillError> {
        self.check(shape, dtype)?;
        part.check(shape).map_err(|error| FillError::Shape {
            shape: shape.to_vec(),
            problem: error.to_string(),
        })?;
        self.prepare_stream(Stream::from_key(key), shape, dtype, part)
    }

    fn prepare_stream(
        &self,
        stream: Stream,
        shape: &[usize],
        dtype: DType,
        part: &Slice,
    ) -> Result<Prepared, FillError> {
        let elements = count(shape)?;
        let source = match self {
            Fill::Keep => return Err(FillError::NothingToKeep),
            Fill::Load(_) => return Err(FillError::NotDrawn),
            _ if part.is_empty() => Source::Constant(0.0), // never asked for
            Fill::Constant { value } => Source::Constant(*value),
            Fill::Draw(distribution) => Source::Draw(stream, Sampler::new(distribution, dtype)?),
            Fill::Eye { gain } => {
                let (gain, columns) = (*gain, shape[1..].iter().product::<usize>().max(1) as u64);
                Source::Each(Box::new(move |i| {
                    if i / columns == i % columns {
                        gain
                    } else {
                        0.0
                    }
                }))
            }
            Fill::Dirac { groups, layout } => dirac(*groups, layout, shape),
            Fill::Hadamard { layout } => hadamard(layout, shape),
            Fill::Bilinear { layout } => bilinear(layout, shape),
            Fill::Sparse { std, zeros } => {
                let mut area = Area::of(part, shape, shape[0], shape[1]);
                area.rows = 0..shape[0]; // a column's zeros are chosen together
                sparse(stream, shape[0], area, *std, *zeros)
            }
            Fill::Orthogonal { gain, rows } => {
                let columns = if *rows == 0 {
                    0
                } else {
                    elements as usize / rows
                };
                let area = Area::of(part, shape, *rows, columns);
                orthogonal_part(stream, (*rows, columns), area, *gain, dtype)
            }
            Fill::DeltaOrthogonal { gain, layout } => {
                delta_orthogonal(stream, *gain, layout, shape, dtype)
            }
            Fill::LooksLinear { gain } => looks_linear(stream, *gain, shape, dtype),
            Fill::Stacked { of } => {
                let prepare = |index: usize| {
                    let part = part.within(0, index, 1).without_first();
                    of.prepare_stream(stream.child(index as u64), &shape[1..], dtype, &part)
                };
                let each: Result<Vec<_>, _> = (0..shape[0]).map(prepare).collect();
                Source::Stacked {
                    each: each?,
                    len: count(&shape[1..])?,
                }
            }
            Fill::Repeated { axis, repeats, of } => {
                let smaller = with_axis(shape, *axis, shape[*axis] / repeats);
                Source::Repeated {
                    axis_len: shape[*axis] as u64,
                    inner: count(&shape[axis + 1..])?,
                    repeats: *repeats as u64,
                    of: Box::new(of.prepare_stream(
                        stream,
                        &smaller,
                        dtype,
                        &Slice::whole(&smaller),
                    )?),
                }
            }
            Fill::Blocks { axis, sections } => {
                let mut start = 0;
                let mut prepare = |(index, section): (usize, &Section)| {
                    let part = part.within(*axis, start, section.size);
                    start += section.size;
                    let shape = with_axis(shape, *axis, section.size);
                    // Opposite gates take the logarithm of one uniform value.
                    let own = match section.fill {
                        Fill::LogUniform { .. } => stream,
                        _ => stream.child(index as u64),
                    };
                    let prepared = section.fill.prepare_stream(own, &shape, dtype, &part)?;
                    Ok((section.size as u64, prepared))
                };
                let sections: Result<Vec<_>, FillError> =
                    sections.iter().enumerate().map(&mut prepare).collect();
                Source::Blocks {
                    axis_len: shape[*axis] as u64,
                    inner: count(&shape[axis + 1..])?,
                    sections: sections?,
                }
            }
            Fill::Padded { row, of } => {
                let width = count(&shape[1..])?;
                let start = *row as u64 * width;
                let of = Box::new(of.prepare_stream(stream, shape, dtype, part)?);
                Source::Padded {
                    padding: start..start + width,
                    of,
                }
            }
            Fill::LogUniform { low, high, sign } => {
                let (low, width, sign) = (*low, high - low, *sign);
                let value = move |i| sign * libm::log(unit(stream, i).mul_add(width, low));
                Source::Each(Box::new(value))
            }
            Fill::MambaDtBias {
                dt_min,
                dt_max,
                floor,
            } => {
                let (low, high, floor) = (libm::log(*dt_min), libm::log(*dt_max), *floor);
                Source::Each(Box::new(move |i| {
                    let dt = libm::exp(unit(stream, i).mul_add(high - low, low)).max(floor);
                    dt + libm::log(-libm::expm1(-dt))
                }))
            }
            Fill::Sinusoidal { base } => {
                let (width, base) = (*shape.last().unwrap_or(&1) as u64, libm::log(*base));
                Source::Each(Box::new(move |i| {
                    let (position, place) = (i / width, i % width);
                    let frequency = libm::exp(-base * (place / 2 * 2) as f64 / width as f64);
                    let angle = position as f64 * frequency;
                    if place % 2 == 0 {
                        libm::sin(angle)
                    } else {
                        libm::cos(angle)
                    }
                }))
            }
            Fill::RotaryFrequencies { base } => {
                let (half, base) = (*shape.last().unwrap_or(&1) as f64, libm::log(*base));
                let size = *shape.last().unwrap_or(&1) as u64;
                Source::Each(Box::new(move |i| {
                    libm::exp(-base * (i % size) as f64 / half)
                }))
            }
            Fill::S4d { part } => {
                let (size, part) = (*shape.last().unwrap_or(&1) as u64, *part);
                Source::Each(Box::new(move |i| {
                    let n = (i % size) as f64;
                    match part {
                        StatePart::ALog => libm::log(n + 1.0),
                        StatePart::Real => -(n + 1.0),
                        StatePart::LinLogReal => -std::f64::consts::LN_2,
                        StatePart::LinImaginary => std::f64::consts::PI * n,
                    }
                }))
            }
            Fill::Arange => {
                let size = (*shape.last().unwrap_or(&1)).max(1) as u64;
                Source::Each(Box::new(move |i| (i % size) as f64))
            }
            Fill::Mimetic {
                part,
                heads,
                alpha,
                beta,
                noise,
                out_first,
            } => {
                let noise = Stream::from_key(*noise);
                let matrix = mimetic(noise, shape[0], *heads, (*alpha, *beta), *part, *out_first);
                Source::Matrix(Area::whole(shape[0], shape[1]), Matrix::F64(matrix))
            }
        };
        Ok(Prepared {
            shape: shape.to_vec(),
            dtype,
            elements,
            source,
        })
    }
}

impl Prepared {
    /// The tensor's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.elements
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.elements == 0
    }

    /// Writes the elements `first..first + out.len()` of the row-major tensor on the calling thread.
    ///
    /// # Panics
    /// If the range goes past the tensor's end, or `E` is not the tensor's element type.
    pub fn fill<E: Element>(&self, first: u64, out: &mut [E]) {
        assert_eq!(
            self.dtype,
            E::DTYPE,
            "the tensor is of another element type"
        );
        let end = first.checked_add(out.len() as u64);
        assert!(
            end.is_some_and(|end| end <= self.elements),
            "a range past the tensor's end"
        );
        match &self.source {
            Source::Constant(value) => out.fill(rounded(*value)),
            Source::Draw(stream, sampler) => stream.fill(sampler, first, out),
            Source::Each(value) => {
                for (i, out) in (first..).zip(out) {
                    *out = rounded(value(i));
                }
            }
            Source::Matrix(area, matrix) => matrix.copy(area, first as usize, out),
            Source::Stacked { each, len } => runs(first, out, |at| {
                (&each[(at / len) as usize], at % len, len - at % len)
            }),
            Source::Blocks {
                axis_len,
                inner,
                sections,
            } => runs(first, out, |at| {
                let (outer, mut place) = (at / (axis_len * inner), at / inner % axis_len);
                let mut sections = sections.iter();
                let (size, section) = sections
                    .find(|(size, _)| {
                        let here = place < *size;
                        place -= if here { 0 } else { *size };
                        here
                    })
                    .expect("the sections add up to the axis");
                let within = place * inner + at % inner;
                (
                    section,
                    outer * size * inner + within,
                    size * inner - within,
                )
            }),
            Source::Repeated {
                axis_len,
                inner,
                repeats,
                of,
            } => runs(first, out, |at| {
                let (outer, place) = (at / (axis_len * inner), at / inner % axis_len);
                let smaller = axis_len / repeats;
                let within = at % inner;
                (
                    &**of,
                    (outer * smaller + place / repeats) * inner + within,
                    inner - within,
                )
            }),
            Source::Padded { padding, of } => {
                of.fill(first, out);
                let clip = |at: u64| (at.saturating_sub(first) as usize).min(out.len());
                let zeros = clip(padding.start)..clip(padding.end);
                out[zeros].fill(rounded(0.0));
            }
        }
    }

    /// Writes the whole box `slice`, row-major, sharing the work among rayon's current threads.
    ///
    /// # Errors
    /// A box that does not lie inside the tensor, or that is not as large as `out`.
    pub fn fill_slice<E: Element>(&self, slice: &Slice, out: &mut [E]) -> Result<(), SliceError> {
        slice.check(&self.shape)?;
        if slice.len() != out.len() as u64 {
            let (offset, size) = (slice.offset().to_vec(), vec![out.len()]);
            return Err(SliceError {
                offset,
                size,
                shape: slice.size().to_vec(),
            });
        }
        const CHUNK: usize = 1 << 16;
        out.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(index, mut chunk)| {
                let first = (index * CHUNK) as u64;
                for (start, len) in slice.runs(&self.shape, first, chunk.len() as u64) {
                    let (run, rest) = chunk.split_at_mut(len as usize);
                    self.fill(start, run);
                    chunk = rest;
                }
            });
        Ok(())
    }

    /// The whole tensor.
    ///
    /// # Errors
    /// [`FillError::TooLarge`] when it does not fit in memory.
    pub fn to_vec<E: Element>(&self) -> Result<Vec<E>, FillError> {
        let too_large = || FillError::TooLarge {
            shape: self.shape.clone(),
            action: "held in memory",
        };
        let len = usize::try_from(self.elements).map_err(|_| too_large())?;
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| too_large())?;
        out.resize(len, E::default());
        let whole = Slice::new(vec![0; self.shape.len()], self.shape.clone());
        self.fill_slice(&whole, &mut out)
            .expect("the whole tensor is a slice of itself");
        Ok(out)
    }

    /// Writes the elements `first..` of the box `slice` as little-endian bytes of the tensor's element type;
    /// `out` must be aligned to its elements and hold whole ones.
    ///
    /// # Panics
    /// If the range goes past the box's end or the buffer is not aligned.
    pub fn fill_bytes(&self, slice: &Slice, first: u64, out: &mut [u8]) {
        match self.dtype {
            DType::F64 => self.fill_part::<f64>(slice, first, out),
            DType::F32 => self.fill_part::<f32>(slice, first, out),
            DType::F16 => self.fill_part::<f16>(slice, first, out),
            DType::BF16 => self.fill_part::<bf16>(slice, first, out),
            DType::F8E4M3 => self.fill_part::<F8E4M3>(slice, first, out),
            DType::F8E5M2 => self.fill_part::<F8E5M2>(slice, first, out),
            _ => self.fill_integers(slice, first, out),
        }
    }

    fn fill_part<E: Element>(&self, slice: &Slice, first: u64, out: &mut [u8]) {
        let mut out: &mut [E] = bytemuck::cast_slice_mut(out);
        for (start, len) in slice.runs(&self.shape, first, out.len() as u64) {
            let (run, rest) = out.split_at_mut(len as usize);
            self.fill(start, run);
            out = rest;
        }
        if cfg!(target_endian = "big") {
            unimplemented!("big-endian machines are refused when a writer is made");
        }
    }

    fn fill_integers(&self, slice: &Slice, first: u64, out: &mut [u8]) {
        let size = self.dtype.size();
        let len = (out.len() / size) as u64;
        let indices = slice
            .runs(&self.shape, first, len)
            .flat_map(|(start, len)| start..start + len);
        for (index, out) in indices.zip(out.chunks_exact_mut(size)) {
            let value = self.integer(index);
            out.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }

    fn integer(&self, index: u64) -> i64 {
        match &self.source {
            Source::Constant(value) => *value as i64,
            Source::Each(value) => value(index) as i64,
            Source::Blocks {
                axis_len,
                inner,
                sections,
            } => {
                let mut place = index / inner % axis_len;
                for (size, section) in sections {
                    if place < *size {
                        let outer = index / (axis_len * inner);
                        return section.integer((outer * size + place) * inner + index % inner);
                    }
                    place -= size;
                }
                0
            }
            // `Fill::check` admits nothing else for integers.
            _ => 0,
        }
    }
}

/// The one rounding of a value that is computed as a real: through `f32` for the narrower types, so that they
/// are exactly the rounded `f32` tensor.
fn rounded<E: Element>(value: f64) -> E {
    if E::DTYPE == DType::F64 {
        E::from_f64(value)
    } else {
        E::from_f32(value as f32)
    }
}

/// Fills `out` run by run: `locate` says who writes the element, which of theirs it is, and how many follow.
fn runs<'a, E: Element>(
    first: u64,
    mut out: &mut [E],
    locate: impl Fn(u64) -> (&'a Prepared, u64, u64),
) {
    let mut at = first;
    while !out.is_empty() {
        let (of, start, len) = locate(at);
        let (run, rest) = out.split_at_mut((len as usize).min(out.len()));
        of.fill(start, run);
        at += run.len() as u64;
        out = rest;
    }
}

/// A uniform value on [0, 1) of 32 bits.
fn unit(stream: Stream, index: u64) -> f64 {
    f64::from(stream.word(index)) / 4_294_967_296.0
}

/// The row-major index of a tensor, taken apart: output, input, and whether every kernel axis is at its centre.
struct Place {
    output: usize,
    input: usize,
    centre: bool,
}

/// Takes indices apart by a layout.
#[derive(Clone)]
struct Grid {
    axes: Vec<(Axis, usize)>,
}

impl Grid {
    fn new(layout: &Layout, shape: &[usize]) -> Self {
        Self {
            axes: layout
                .axes()
                .iter()
                .copied()
                .zip(shape.iter().copied())
                .collect(),
        }
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
        self.axes
            .iter()
            .filter(|(axis, _)| *axis == kind)
            .map(|(_, size)| size)
            .product()
    }
}

fn dirac(groups: usize, layout: &Layout, shape: &[usize]) -> Source {
    let grid = Grid::new(layout, shape);
    let outputs = (grid.size(Axis::Out) / groups).max(1);
    Source::Each(Box::new(move |index| {
        let place = grid.place(index);
        let passes = place.centre && place.output % outputs == place.input;
        if passes { 1.0 } else { 0.0 }
    }))
}

fn hadamard(layout: &Layout, shape: &[usize]) -> Source {
    let grid = Grid::new(layout, shape);
    let (outputs, inputs) = (grid.size(Axis::Out), grid.size(Axis::In));
    // The power of two that holds the outputs; 2^(-(m-1)/2), with the half power as a square root.
    let m = outputs.next_power_of_two().trailing_zeros() as i32;
    let scale = libm::sqrt(libm::ldexp(1.0, 1 - m));
    Source::Each(Box::new(move |index| {
        let place = grid.place(index);
        match (place.centre, outputs > inputs) {
            (false, _) => 0.0,
            (true, false) if place.output == place.input => 1.0,
            (true, false) => 0.0,
            (true, true) if (place.output & place.input).count_ones().is_multiple_of(2) => scale,
            (true, true) => -scale,
        }
    }))
}

fn bilinear(layout: &Layout, shape: &[usize]) -> Source {
    let grid = Grid::new(layout, shape);
    // A kernel stored per group has one channel: every output is its own group.
    let depthwise = grid.size(Axis::In) == 1 || grid.size(Axis::Out) == 1;
    Source::Each(Box::new(move |index| {
        let place = grid.place(index);
        if !depthwise && place.output != place.input {
            return 0.0;
        }
        grid.kernel(index)
            .map(|(at, size)| {
                let factor = size.div_ceil(2) as f64;
                let centre = (2.0 * factor - 1.0 - (size % 2) as f64) / 2.0;
                1.0 - ((at as f64 - centre) / factor).abs()
            })
            .product()
    }))
}

/// A normal matrix with zeros in each column: the rows whose words are the column's smallest.
fn sparse(stream: Stream, rows: usize, area: Area, std: f64, zeros: usize) -> Source {
    let mut values = vec![0f32; area.len()];
    let sampler = Sampler::new(&normal(std), DType::F32).expect("checked with the fill");
    let lines = values.par_chunks_mut(area.columns.len().max(1));
    lines.enumerate().for_each(|(row, line)| {
        stream.fill(
            &sampler,
            (row * area.width + area.columns.start) as u64,
            line,
        );
    });
    let order = stream.child(0);
    let mut ranked: Vec<(u32, usize)> = Vec::with_capacity(rows);
    for (place, column) in area.columns.clone().enumerate() {
        ranked.clear();
        ranked.extend((0..rows).map(|row| (order.word((column * rows + row) as u64), row)));
        ranked.sort_unstable();
        for &(_, row) in &ranked[..zeros] {
            values[row * area.columns.len() + place] = 0.0;
        }
    }
    Source::Matrix(area, Matrix::F32(values))
}

/// At least the given area of a semi-orthogonal matrix: whole rows of a wide one, whole columns of a tall one.
fn orthogonal_part(
    stream: Stream,
    (rows, columns): (usize, usize),
    mut area: Area,
    gain: f64,
    dtype: DType,
) -> Source {
    fn make<T: matrix::Scalar>(of: matrix::Orthogonal<T>, area: &Area, wide: bool) -> Vec<T> {
        let mut values = vec![T::zeroed(); area.len()];
        if wide {
            of.vectors(area.rows.clone(), &mut values);
        } else {
            of.columns(area.columns.clone(), &mut values);
        }
        values
    }
    let wide = rows <= columns;
    if wide {
        area.columns = 0..columns;
    } else {
        area.rows = 0..rows;
    }
    let matrix = if dtype == DType::F64 {
        let of = matrix::Orthogonal::new(stream, rows, columns, gain);
        Matrix::F64(make::<f64>(of, &area, wide))
    } else {
        let of = matrix::Orthogonal::new(stream, rows, columns, gain as f32);
        Matrix::F32(make::<f32>(of, &area, wide))
    };
    Source::Matrix(area, matrix)
}

fn orthogonal(stream: Stream, rows: usize, columns: usize, gain: f64, dtype: DType) -> Matrix {
    if dtype == DType::F64 {
        let mut values = vec![0f64; rows * columns];
        matrix::orthogonal_f64(stream, rows, columns, gain, &mut values);
        Matrix::F64(values)
    } else {
        let mut values = vec![0f32; rows * columns];
        matrix::orthogonal(stream, rows, columns, gain as f32, &mut values);
        Matrix::F32(values)
    }
}

fn delta_orthogonal(
    stream: Stream,
    gain: f64,
    layout: &Layout,
    shape: &[usize],
    dtype: DType,
) -> Source {
    let grid = Grid::new(layout, shape);
    let inputs = grid.size(Axis::In);
    let matrix = orthogonal(stream, grid.size(Axis::Out), inputs, gain, dtype);
    Source::Each(Box::new(move |index| {
        let place = grid.place(index);
        if place.centre {
            matrix.get(place.output * inputs + place.input)
        } else {
            0.0
        }
    }))
}

fn looks_linear(stream: Stream, gain: f64, shape: &[usize], dtype: DType) -> Source {
    let (rows, columns) = (shape[0] / 2, shape[1] / 2);
    let matrix = orthogonal(stream, rows, columns, gain, dtype);
    let width = shape[1].max(1);
    Source::Each(Box::new(move |index| {
        let (row, column) = (index as usize / width, index as usize % width);
        let value = matrix.get(row % rows * columns + column % columns);
        if (row < rows) == (column < columns) {
            value
        } else {
            -value
        }
    }))
}

/// One attention projection, [out, in] if `out_first`: the factor of αZ + βI (query and key, head by head) or of
/// αZ - βI (value and output).
fn mimetic(
    noise: Stream,
    width: usize,
    heads: usize,
    (alpha, beta): (f64, f64),
    part: Projection,
    out_first: bool,
) -> Vec<f64> {
    let attention = matches!(part, Projection::Query | Projection::Key);
    let sampler = Sampler::new(
        &Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        DType::F64,
    )
    .expect("a standard normal");
    // Z has variance 1/width.
    let scale = alpha / (width as f64).sqrt();
    let target = |head: u64| {
        let mut matrix = vec![0f64; width * width];
        noise.child(head).fill(&sampler, 0, &mut matrix);
        for (i, value) in matrix.iter_mut().enumerate() {
            let diagonal = if i / width == i % width { beta } else { 0.0 };
            let diagonal = if attention { diagonal } else { -diagonal };
            *value = value.mul_add(scale, diagonal);
        }
        matrix
    };
    // The factor as [in, out]: column j of head h is the j-th singular vector times √σ.
    let mut factor = vec![0f64; width * width];
    let (matrices, rank) = if attention {
        (heads, width / heads)
    } else {
        (1, width)
    };
    for head in 0..matrices {
        let svd = matrix::svd(&target(head as u64), width);
        let left = matches!(part, Projection::Query | Projection::Value);
        let vectors = if left { &svd.left } else { &svd.right };
        for j in 0..rank {
            let root = svd.values[j].sqrt();
            for i in 0..width {
                let value = vectors[j * width + i] * root;
                let column = head * rank + j;
                // The output projection is the right factor itself, not its transpose.
                let at = match part {
                    Projection::Output => column * width + i,
                    _ => i * width + column,
                };
                factor[at] = value;
            }
        }
    }
    if out_first {
        transpose(&factor, width)
    } else {
        factor
    }
}

fn transpose(square: &[f64], width: usize) -> Vec<f64> {
    (0..width * width)
        .map(|i| square[i % width * width + i / width])
        .collect()
}
