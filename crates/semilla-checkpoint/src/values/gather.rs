//! Elements of a checkpoint that are moved or combined on their way into a tensor.

use rayon::prelude::*;
use semilla::stream::{Key, Stream};
use semilla::transfer::Terms;
use semilla::{DType, Distribution, Sampler, Slice};

use crate::values::load::Origin;
use crate::{Error, Health};

/// Source rows that are held at a time while the wanted elements are picked out of them.
const HELD: usize = 8 << 20;

/// A box of a target that is to be filled, and where it lies in a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Goal<'a> {
    /// The target's shape.
    pub(crate) shape: &'a [usize],
    /// The box, in the target's coordinates.
    pub(crate) part: &'a Slice,
    /// The box, in the buffer's.
    pub(crate) place: &'a Slice,
    /// The buffer's shape.
    pub(crate) buffer: &'a [usize],
    /// The element type of the buffer.
    pub(crate) dtype: DType,
    /// The key of the tensor's stream.
    pub(crate) key: Key,
}

impl Goal<'_> {
    /// The buffer's element where the box has this index.
    fn at(&self, index: &[usize]) -> usize {
        let places = self.place.offset().iter().zip(index);
        places
            .zip(self.buffer)
            .fold(0, |at, ((offset, index), size)| at * size + offset + index)
    }
}

/// Elements that were read, in a box without gaps.
struct Picked {
    bytes: Vec<u8>,
    /// In the source's order of axes.
    sizes: Vec<usize>,
}

impl Origin<'_> {
    /// Puts what a box of the target takes into its place in `out`; the other elements stay.
    pub(crate) fn gather(&self, goal: Goal<'_>, out: &mut [u8]) -> Result<Health, Error> {
        let axes = goal.shape.len();
        let terms: Vec<Terms> = (0..axes)
            .map(|axis| {
                let start = goal.part.offset()[axis];
                self.load.terms(axis, start..start + goal.part.size()[axis])
            })
            .collect();
        let mut wanted = vec![Vec::new(); axes];
        let mut compact = Vec::with_capacity(axes);
        for (axis, terms) in terms.into_iter().enumerate() {
            let taken = terms.taken();
            compact.push(terms.compact(&taken));
            wanted[self.load.source_axis(axis)] = taken;
        }
        let mut health = Health::default();
        if wanted.iter().all(|indices| !indices.is_empty()) {
            let picked = self.pick(&wanted)?;
            health = match self.load.is_exact() {
                true => self.place(goal, &compact, &picked, out)?,
                false => self.combine(goal, &compact, &picked, out),
            };
        }
        if let Some(spread) = self.load.alike {
            self.make_rows(goal, &compact, spread, out)?;
        }
        Ok(health)
    }

    /// Reads the elements at all combinations of the wanted indices, one sorted list per axis of
    /// the source.
    fn pick(&self, wanted: &[Vec<usize>]) -> Result<Picked, Error> {
        let shape = self.load.seen(self.info().shape());
        let size = self.info().dtype().size();
        let sizes: Vec<usize> = wanted.iter().map(Vec::len).collect();
        let Some((rows, inner)) = wanted.split_first() else {
            let mut bytes = vec![0; size];
            self.source.read(self.tensor, 0, &mut bytes)?;
            return Ok(Picked { bytes, sizes });
        };
        // Of the axes after the first all between the first and the last wanted index is read.
        let starts: Vec<usize> = inner.iter().map(|indices| indices[0]).collect();
        let hull: Vec<usize> = inner
            .iter()
            .map(|indices| indices[indices.len() - 1] - indices[0] + 1)
            .collect();
        let row: usize = hull.iter().product::<usize>() * size;
        let most = (HELD / row.max(1)).max(1);
        let offsets = offsets(inner, &starts, &hull);
        let is_dense = offsets.len() * size == row;
        let mut bytes = Vec::with_capacity(sizes.iter().product::<usize>() * size);
        let mut held = Vec::new();
        for (start, len) in runs_of(rows, most) {
            held.resize(len * row, 0);
            let area = Slice::new(
                [&[start], &starts[..]].concat(),
                [&[len], &hull[..]].concat(),
            );
            let mut at = 0;
            for (first, count) in area.runs(shape, 0, area.len()) {
                let end = at + count as usize * size;
                self.source
                    .read(self.tensor, first * size as u64, &mut held[at..end])?;
                at = end;
            }
            if is_dense {
                bytes.extend_from_slice(&held);
                continue;
            }
            for row in held.chunks_exact(row) {
                for &at in &offsets {
                    bytes.extend_from_slice(&row[at * size..(at + 1) * size]);
                }
            }
        }
        Ok(Picked { bytes, sizes })
    }

    /// Puts picked elements where they belong, as they are.
    fn place(
        &self,
        goal: Goal<'_>,
        terms: &[Terms],
        picked: &Picked,
        out: &mut [u8],
    ) -> Result<Health, Error> {
        let (old, new) = (self.info().dtype().size(), goal.dtype.size());
        let strides = strides(&picked.sizes);
        let mut health = Health::default();
        let mut line = Vec::new();
        let step = match terms.len() {
            0 => 1,
            axes => strides[self.load.source_axis(axes - 1)],
        };
        for_lines(terms, |index, run| {
            let place: usize = (0..terms.len())
                .map(|axis| terms[axis].of(index[axis])[0].0 * strides[self.load.source_axis(axis)])
                .sum();
            let at = goal.at(index) * new;
            let out = &mut out[at..at + run.len() * new];
            let is_row = step == 1 && run.windows(2).all(|pair| pair[1] == pair[0] + 1);
            let from = if is_row {
                &picked.bytes[place * old..(place + run.len()) * old]
            } else {
                line.clear();
                for &other in run {
                    let at = (place + (other * step) - run[0] * step) * old;
                    line.extend_from_slice(&picked.bytes[at..at + old]);
                }
                &line
            };
            health = health.and(self.convert(from, goal.dtype, out)?);
            Ok(())
        })?;
        Ok(health)
    }

    /// Applies the linear map of each axis, in double precision, and rounds once.
    fn combine(&self, goal: Goal<'_>, terms: &[Terms], picked: &Picked, out: &mut [u8]) -> Health {
        let order: Vec<usize> = (0..terms.len())
            .map(|axis| self.load.source_axis(axis))
            .collect();
        let mut values = self.doubles(&picked.bytes);
        let mut sizes: Vec<usize> = order.iter().map(|&axis| picked.sizes[axis]).collect();
        if !order.is_sorted() {
            values = permuted(&values, &picked.sizes, &order);
        }
        for (axis, terms) in terms.iter().enumerate() {
            if !is_identity(terms, sizes[axis]) {
                values = mapped(&values, &sizes, axis, terms);
                sizes[axis] = terms.len();
            }
        }
        let strides = strides(&sizes);
        let mut health = Health::default();
        let new = goal.dtype.size();
        let mut line = Vec::new();
        let result = for_lines(terms, |index, run| {
            let place: usize = index
                .iter()
                .zip(&strides)
                .map(|(index, stride)| index * stride)
                .sum();
            let at = goal.at(index) * new;
            line.clear();
            line.extend_from_slice(&values[place..place + run.len()]);
            let out = &mut out[at..at + run.len() * new];
            health = health.and(round(&line, goal.dtype, out));
            Ok(())
        });
        debug_assert!(result.is_ok());
        health
    }

    /// Fills the rows that no term of the first axis reaches with the mean of all the source's, and
    /// a normal deviation with their covariance times `spread`.
    fn make_rows(
        &self,
        goal: Goal<'_>,
        terms: &[Terms],
        spread: f64,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let new_rows: Vec<usize> = (0..terms[0].len())
            .filter(|&row| terms[0].of(row).is_empty())
            .collect();
        let count = self.load.seen(self.info().shape())[0];
        let inner: Vec<Vec<usize>> = (1..terms.len())
            .map(|axis| {
                let start = goal.part.offset()[axis];
                self.load
                    .terms(axis, start..start + goal.part.size()[axis])
                    .taken()
            })
            .collect();
        let width: usize = inner.iter().map(Vec::len).product();
        if new_rows.is_empty() || width == 0 || count == 0 {
            return Ok(());
        }
        let mut mean = vec![0.0; width];
        self.for_rows(count, &inner, |_, row| {
            mean.iter_mut()
                .zip(row)
                .for_each(|(mean, value)| *mean += value);
        })?;
        mean.iter_mut().for_each(|mean| *mean /= count as f64);
        let mut made = vec![0.0; new_rows.len() * width];
        if spread > 0.0 {
            let standard = Distribution::Normal {
                mean: 0.0,
                std: 1.0,
            };
            let sampler = Sampler::new(&standard, DType::F64).map_err(|error| Error::Fill {
                tensor: self.info().name().to_owned(),
                cause: error.into(),
            })?;
            let stream = Stream::from_key(goal.key);
            let first_row = goal.part.offset()[0];
            let mut block = Vec::new();
            let mut start = 0;
            let mut add = |start: usize, block: &[f64]| {
                let rows = block.len() / width;
                made.par_chunks_mut(width)
                    .zip(&new_rows)
                    .for_each(|(made, row)| {
                        let mut weights = vec![0.0; rows];
                        let index = (first_row + row) as u64 * count as u64 + start as u64;
                        stream.fill(&sampler, index, &mut weights);
                        for (weight, row) in weights.iter().zip(block.chunks_exact(width)) {
                            for (made, (value, mean)) in made.iter_mut().zip(row.iter().zip(&mean))
                            {
                                *made += weight * (value - mean);
                            }
                        }
                    });
            };
            let most = (HELD / 8 / width).max(1) * width;
            self.for_rows(count, &inner, |index, row| {
                if block.len() >= most {
                    add(start, &block);
                    block.clear();
                    start = index;
                }
                block.extend_from_slice(row);
            })?;
            add(start, &block);
        }
        let scale = (spread / count as f64).sqrt();
        let (size, axes) = (goal.dtype.size(), terms.len());
        for (row, made) in new_rows.iter().zip(made.chunks_exact_mut(width)) {
            for (made, mean) in made.iter_mut().zip(&mean) {
                *made = mean + scale * *made;
            }
            // The other axes are whole runs: what was read of them lies in the target in the same
            // order.
            let reached: Vec<Vec<usize>> = (1..axes)
                .map(|axis| {
                    (0..terms[axis].len())
                        .filter(|&i| !terms[axis].of(i).is_empty())
                        .collect()
                })
                .collect();
            let mut index = vec![0; axes];
            index[0] = *row;
            let line = reached.last().map_or(1, Vec::len);
            for (number, values) in made.chunks_exact(line).enumerate() {
                let mut rest = number;
                for axis in (1..axes.saturating_sub(1)).rev() {
                    let indices = &reached[axis - 1];
                    index[axis] = indices[rest % indices.len()];
                    rest /= indices.len();
                }
                if axes > 1 {
                    index[axes - 1] = reached[axes - 2][0];
                }
                let at = goal.at(&index) * size;
                round(values, goal.dtype, &mut out[at..at + line * size]);
            }
        }
        Ok(())
    }

    /// Hands every row of the source over in order, only what is wanted of the other axes.
    fn for_rows(
        &self,
        count: usize,
        inner: &[Vec<usize>],
        mut each: impl FnMut(usize, &[f64]),
    ) -> Result<(), Error> {
        let width: usize = inner.iter().map(Vec::len).product();
        let step = (HELD / 8 / width.max(1)).max(1);
        for start in (0..count).step_by(step) {
            let rows: Vec<usize> = (start..count.min(start + step)).collect();
            let wanted: Vec<Vec<usize>> =
                std::iter::once(rows).chain(inner.iter().cloned()).collect();
            let values = self.doubles(&self.pick(&wanted)?.bytes);
            for (row, values) in values.chunks_exact(width).enumerate() {
                each(start + row, values);
            }
        }
        Ok(())
    }

    fn doubles(&self, bytes: &[u8]) -> Vec<f64> {
        let dtype = self.info().dtype();
        let mut values = vec![0f64; bytes.len() / dtype.size()];
        crate::values::convert::floats(
            dtype,
            bytes,
            DType::F64,
            bytemuck::cast_slice_mut(&mut values),
        );
        values
    }
}

fn round(values: &[f64], dtype: DType, out: &mut [u8]) -> Health {
    crate::values::convert::floats(DType::F64, bytemuck::cast_slice(values), dtype, out)
}

/// Row-major strides.
fn strides(sizes: &[usize]) -> Vec<usize> {
    (0..sizes.len())
        .map(|axis| sizes[axis + 1..].iter().product())
        .collect()
}

/// The runs of a sorted list, cut to at most so many.
fn runs_of(sorted: &[usize], most: usize) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &index in sorted {
        match runs.last_mut() {
            Some((start, len)) if *start + *len == index && *len < most => *len += 1,
            _ => runs.push((index, 1)),
        }
    }
    runs
}

/// Where the wanted combinations lie in a row-major box that begins at `starts`.
fn offsets(wanted: &[Vec<usize>], starts: &[usize], sizes: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for ((indices, start), size) in wanted.iter().zip(starts).zip(sizes) {
        offsets = offsets
            .iter()
            .flat_map(|offset| {
                indices
                    .iter()
                    .map(move |index| offset * size + index - start)
            })
            .collect();
    }
    offsets
}

/// Calls for every run of reached indices of the last axis, at every reached combination of the
/// others: with the index of its first element, and what each of its elements takes first.
fn for_lines(
    terms: &[Terms],
    mut each: impl FnMut(&[usize], &[usize]) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some((last, outer)) = terms.split_last() else {
        return each(&[], &[0]);
    };
    let mut lines: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in 0..last.len() {
        let Some((from, _)) = last.of(index).first() else {
            continue;
        };
        match lines.last_mut() {
            Some((start, run)) if *start + run.len() == index => run.push(*from),
            _ => lines.push((index, vec![*from])),
        }
    }
    let reached: Vec<Vec<usize>> = outer
        .iter()
        .map(|terms| {
            (0..terms.len())
                .filter(|&i| !terms.of(i).is_empty())
                .collect()
        })
        .collect();
    let count: usize = reached.iter().map(Vec::len).product();
    let mut index = vec![0; terms.len()];
    for number in 0..count {
        let mut rest = number;
        for axis in (0..outer.len()).rev() {
            index[axis] = reached[axis][rest % reached[axis].len()];
            rest /= reached[axis].len();
        }
        for (start, run) in &lines {
            index[outer.len()] = *start;
            each(&index, run)?;
        }
    }
    Ok(())
}

/// The values with their axes in a different order: the new axis i is the old axis `order[i]`.
fn permuted(values: &[f64], sizes: &[usize], order: &[usize]) -> Vec<f64> {
    let strides = strides(sizes);
    let (new_sizes, steps): (Vec<usize>, Vec<usize>) = order
        .iter()
        .map(|&axis| (sizes[axis], strides[axis]))
        .unzip();
    let mut index = vec![0; order.len()];
    let mut place = 0;
    let mut permuted = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        permuted.push(values[place]);
        for axis in (0..order.len()).rev() {
            index[axis] += 1;
            place += steps[axis];
            if index[axis] < new_sizes[axis] {
                break;
            }
            place -= steps[axis] * new_sizes[axis];
            index[axis] = 0;
        }
    }
    permuted
}

fn is_identity(terms: &Terms, size: usize) -> bool {
    terms.len() == size && (0..size).all(|index| terms.of(index) == [(index, 1.0)])
}

/// Applies an axis's linear map.
fn mapped(values: &[f64], sizes: &[usize], axis: usize, terms: &Terms) -> Vec<f64> {
    let outer: usize = sizes[..axis].iter().product();
    let inner: usize = sizes[axis + 1..].iter().product();
    let (old, new) = (sizes[axis], terms.len());
    let mut out = vec![0.0; outer * new * inner];
    for number in 0..outer {
        for index in 0..new {
            let at = (number * new + index) * inner;
            let sum = &mut out[at..at + inner];
            for &(from, weight) in terms.of(index) {
                let from = (number * old + from) * inner;
                for (sum, value) in sum.iter_mut().zip(&values[from..from + inner]) {
                    *sum += weight * value;
                }
            }
        }
    }
    out
}
