//! Products of matrices: `gemm`, behind a wrapper that checks its bounds.

use gemm::Parallelism;

use crate::real::Real;

/// A matrix within a slice: its size, and the distances between its rows and its columns.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other.
    pub(crate) fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns, "a matrix within its slice");
        Self {
            data,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Rows `stride` elements apart.
    pub(crate) fn spaced(data: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(
            reach(rows, columns, stride) <= data.len(),
            "a matrix within its slice"
        );
        Self {
            data,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// Some of the columns.
    pub(crate) fn columns(self, range: std::ops::Range<usize>) -> Self {
        assert!(range.end <= self.columns, "columns of the matrix");
        let start = (range.start * self.column_stride).min(self.data.len());
        Self {
            data: &self.data[start..],
            columns: range.len(),
            ..self
        }
    }

    /// Rows become columns.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// From where a product adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// From 0: it replaces what is there.
    Zero,
    /// From what is there.
    Current,
}

/// The elements from a matrix's first to its last, rows `stride` elements apart.
fn reach(rows: usize, columns: usize, stride: usize) -> usize {
    match rows == 0 || columns == 0 {
        true => 0,
        false => (rows - 1) * stride + columns,
    }
}

/// `out = a · b`, or `out += a · b`; rows of `out` one after the other. On all threads if the
/// product is large and `is_alone`, no other product running beside it.
pub(crate) fn multiply<T: Real>(
    out: &mut [T],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    start: Start,
    is_alone: bool,
) {
    let stride = b.columns;
    multiply_spaced(out, stride, a, b, start, is_alone);
}

/// The same with rows of `out` `stride` elements apart.
pub(crate) fn multiply_spaced<T: Real>(
    out: &mut [T],
    stride: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    start: Start,
    is_alone: bool,
) {
    /// Multiplications below which threads cost more than they bring.
    const SMALL: usize = 1 << 18;
    assert_eq!(a.columns, b.rows, "matrices that fit");
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert!(stride >= n, "rows that do not overlap");
    assert!(
        reach(m, n, stride) <= out.len(),
        "a product within its slice"
    );
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if start == Start::Zero {
            out.chunks_mut(stride)
                .take(m)
                .for_each(|row| row[..n].fill(T::zero()));
        }
        return;
    }
    let parallelism = match is_alone && m * n * k > SMALL {
        true => Parallelism::Rayon(0),
        false => Parallelism::None,
    };
    // SAFETY: `Matrix::new` checked that every element `row * row_stride + column *
    // column_stride` lies within its slice, `out` was checked above, and is borrowed mutably, so
    // that it overlaps neither. `Real` is f32 or f64, which `gemm` has kernels for.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            start == Start::Current,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::one(),
            T::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 2.0, 1.0, 0.0, 3.0];
        let mut out = [10.0; 4];
        let (left, right) = (Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 2));
        multiply(&mut out, left, right, Start::Zero, true);
        assert_eq!(out, [5.0, 11.0, 14.0, 23.0]);
        multiply(&mut out, left, right, Start::Current, true);
        assert_eq!(out, [10.0, 22.0, 28.0, 46.0]);
        let mut square = [0.0f32; 9];
        let a = a.map(|x| x as f32);
        let left = Matrix::new(&a, 2, 3);
        multiply(&mut square, left.transposed(), left, Start::Zero, false);
        assert_eq!(square[..3], [17.0, 22.0, 27.0]);
    }

    #[test]
    fn empty_sums_are_zero() {
        let mut out = [7.0; 2];
        let (a, b) = (Matrix::new(&[], 1, 0), Matrix::new(&[], 0, 2));
        multiply(&mut out, a, b, Start::Current, true);
        assert_eq!(out, [7.0; 2]);
        multiply(&mut out, a, b, Start::Zero, true);
        assert_eq!(out, [0.0; 2]);
    }
}
