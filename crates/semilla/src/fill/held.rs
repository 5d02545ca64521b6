//! Matrices that are held while a tensor is written.

use std::ops::Range;

use super::slice::Slice;
use crate::dtype::{DType, Element};

/// A part of a matrix, held row-major.
pub(super) struct Area {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// Columns of the whole matrix.
    pub(super) width: usize,
}

impl Area {
    pub(super) fn whole(rows: usize, width: usize) -> Self {
        Self {
            rows: 0..rows,
            columns: 0..width,
            width,
        }
    }

    /// The part of a `rows` × `width` matrix that a tensor's slice needs: rows where only the first
    /// axis is cut, columns where only the last is, else all.
    pub(super) fn of(slice: &Slice, shape: &[usize], rows: usize, width: usize) -> Self {
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

    pub(super) fn len(&self) -> usize {
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

/// The elements of an area, in the precision that they are made in.
pub(super) enum Matrix {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Matrix {
    pub(super) fn get(&self, index: usize) -> f64 {
        match self {
            Self::F32(values) => f64::from(values[index]),
            Self::F64(values) => values[index],
        }
    }

    /// Elements from `first` on, which counts in the whole matrix.
    pub(super) fn copy<E: Element>(&self, area: &Area, mut first: usize, mut out: &mut [E]) {
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

/// The one rounding of a value that is computed as a real: through `f32` for the narrower types, so
/// that they are exactly the rounded `f32` tensor.
pub(super) fn rounded<E: Element>(value: f64) -> E {
    if E::DTYPE == DType::F64 {
        E::from_f64(value)
    } else {
        E::from_f32(value as f32)
    }
}
