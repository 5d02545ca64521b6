//! Singular values and vectors of rectangular matrices: all of them, or the largest few.

use super::dense::{Basis, Packed, dot, transpose};
use super::product::Scalar;
use super::svd::svd;
use crate::stream::Stream;

/// Some of the singular values of a matrix, the largest first, and the vectors that belong to them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Singular {
    /// The left singular vectors, one after the other, each as long as the matrix has rows.
    pub(crate) left: Vec<f64>,
    /// The singular values.
    pub(crate) values: Vec<f64>,
    /// The right singular vectors, one after the other, each as long as the matrix has columns.
    pub(crate) right: Vec<f64>,
}

impl Singular {
    fn turned(self) -> Self {
        Self {
            left: self.right,
            values: self.values,
            right: self.left,
        }
    }

    /// Keeps some triplets.
    fn keep(mut self, range: std::ops::Range<usize>) -> Self {
        let count = self.values.len().max(1);
        let part = |vectors: &[f64]| {
            let length = vectors.len() / count;
            vectors[range.start * length..range.end * length].to_vec()
        };
        (self.left, self.right) = (part(&self.left), part(&self.right));
        self.values = self.values[range].to_vec();
        self
    }

    /// Of the two signs that a pair of vectors may have, the one in which the left vector's entry
    /// of largest magnitude (the first of such) is positive.
    fn with_signs(mut self) -> Self {
        let count = self.values.len().max(1);
        let (rows, cols) = (self.left.len() / count, self.right.len() / count);
        let pairs = self.left.chunks_exact_mut(rows.max(1));
        for (left, right) in pairs.zip(self.right.chunks_exact_mut(cols.max(1))) {
            let largest = left
                .iter()
                .fold(0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
            if largest < 0.0 {
                left.iter_mut().chain(right).for_each(|x| *x = -*x);
            }
        }
        self
    }
}

/// All min(`rows`, `cols`) singular values and vectors of a row-major matrix of finite values.
///
/// The longer side is taken away by a QR factorization first, the rest is [`svd`]. Each left
/// vector's entry of largest magnitude is positive.
///
/// # Panics
/// If the matrix does not have `rows * cols` elements.
pub(crate) fn singular(matrix: &[f64], rows: usize, cols: usize) -> Singular {
    assert_eq!(matrix.len(), rows * cols, "elements of the matrix");
    tall(matrix, rows, cols, &all).with_signs()
}

/// The `count` largest singular values of a row-major matrix of finite values, and their vectors,
/// at most min(`rows`, `cols`); signs as those of [`singular`].
///
/// Where that is cheaper, by block Krylov spaces with restarts (Golub & Underwood 1977; Musco &
/// Musco 2015): these triplets are those of a matrix that differs from the given one by less than
/// 10⁻¹² of its largest singular value.
///
/// # Panics
/// If the matrix does not have `rows * cols` elements.
pub(crate) fn leading(matrix: &[f64], rows: usize, cols: usize, count: usize) -> Singular {
    assert_eq!(matrix.len(), rows * cols, "elements of the matrix");
    let few = |matrix: &[f64], rows: usize, cols: usize| {
        let krylov = Krylov::affordable(cols, count);
        let found = krylov.and_then(|krylov| krylov.search(matrix, rows, cols));
        let found = found.unwrap_or_else(|| all(matrix, rows, cols));
        let kept = count.min(found.values.len());
        found.keep(0..kept)
    };
    tall(matrix, rows, cols, &few).with_signs()
}

/// Estimates of the `count` largest singular values of a row-major matrix of finite values, the
/// largest first; at most min(`rows`, `cols`).
///
/// A randomized sketch (Halko, Martinsson and Tropp 2011, algorithm 4.4) with two power iterations.
/// No estimate is larger than its singular value. Of a matrix of lower rank than `count` they are
/// exact to rounding; where many values are nearly equal, they are a few percent too small.
/// Matrices with a side of at most 128 are decomposed.
///
/// # Panics
/// If the matrix does not have `rows * cols` elements.
///
/// ```
/// use semilla::matrix::leading_values;
///
/// // The outer product of two vectors of norms 2 and √3 has one singular value.
/// let values = leading_values(&[1.0; 12], 4, 3, 2);
/// assert!((values[0] - 12f64.sqrt()).abs() < 1e-12 && values[1] < 1e-12);
/// ```
pub fn leading_values(matrix: &[f64], rows: usize, cols: usize, count: usize) -> Vec<f64> {
    assert_eq!(matrix.len(), rows * cols, "elements of the matrix");
    let sketch = |matrix: &[f64], rows: usize, cols: usize| {
        // More vectors than are wanted, so that the last of them is found too.
        let block = count + 8;
        if cols <= 128 || 2 * block >= cols {
            return all(matrix, rows, cols);
        }
        let turned = transpose(matrix, cols);
        let mut vectors = vec![0.0; block * cols];
        f64::normals(Stream::new(0, "leading values"), 0, &mut vectors);
        for _ in 0..3 {
            let images = images_of(&vectors, block, cols, matrix);
            let mut basis = Basis::new(rows);
            basis.extend(&images);
            vectors = images_of(&basis.vectors, basis.len(), rows, &turned);
        }
        // The last images are those of an orthonormal basis: their singular values are the
        // estimates.
        let count = vectors.len() / cols;
        all(&transpose(&vectors, cols), cols, count)
    };
    let mut values = tall(matrix, rows, cols, &sketch).values;
    values.truncate(count);
    values
}

/// What a matrix, given with the length of its rows, makes of `count` vectors that long: images one
/// after the other.
fn images_of(vectors: &[f64], count: usize, length: usize, matrix: &[f64]) -> Vec<f64> {
    let vectors = Packed::transposed(vectors, count, length);
    transpose(&vectors.times(matrix), count)
}

/// Hands a matrix over with at least as many rows as columns.
fn tall(
    matrix: &[f64],
    rows: usize,
    cols: usize,
    decompose: &dyn Fn(&[f64], usize, usize) -> Singular,
) -> Singular {
    if rows >= cols {
        decompose(matrix, rows, cols)
    } else {
        decompose(&transpose(matrix, cols), cols, rows).turned()
    }
}

/// All triplets of a matrix that is not wide.
fn all(matrix: &[f64], rows: usize, cols: usize) -> Singular {
    if rows == cols {
        let found = svd(matrix, cols);
        return Singular {
            left: found.left,
            values: found.values,
            right: found.right,
        };
    }
    let mut basis = Basis::new(rows);
    basis.extend(&transpose(matrix, cols));
    through(&basis, matrix, cols)
}

/// The triplets of a matrix, all of whose columns are in the basis's span: those of R of A = Q R,
/// which is square.
fn through(basis: &Basis, matrix: &[f64], cols: usize) -> Singular {
    let rows = matrix.len().checked_div(cols).unwrap_or(0);
    let r = Packed::new(matrix, rows, cols).times(&basis.vectors);
    let found = svd(&r, cols);
    Singular {
        left: Packed::new(&basis.vectors, cols, rows).times(&found.left),
        values: found.values,
        right: found.right,
    }
}

/// A search in spaces spanned by a few vectors and what powers of AᵀA make of them.
struct Krylov {
    wanted: usize,
    /// Vectors that are multiplied together: more than are wanted, so that equal singular values
    /// are all found.
    block: usize,
    /// Vectors in a space.
    space: usize,
}

/// The residual of a singular vector's equation, in units of the largest singular value.
const TOLERANCE: f64 = 1e-12;

/// Restarts before the search is given up.
const RESTARTS: usize = 40;

impl Krylov {
    /// `None` where all triplets are as cheap.
    fn affordable(cols: usize, wanted: usize) -> Option<Self> {
        let block = (wanted + wanted / 2).next_multiple_of(8).max(16);
        let space = (12 * block).max(128);
        let worth = wanted > 0 && 2 * space <= cols;
        worth.then_some(Self {
            wanted,
            block,
            space: space / block * block,
        })
    }

    /// `None` if it does not come to an end.
    fn search(&self, matrix: &[f64], rows: usize, cols: usize) -> Option<Singular> {
        let turned = transpose(matrix, cols);
        let mut start = vec![0.0; self.block * cols];
        f64::normals(Stream::new(0, "singular vectors"), 0, &mut start);
        for _ in 0..RESTARTS {
            let found = self.within(&start, matrix, &turned, cols);
            if self.is_done(&found, &turned, rows, cols) {
                return Some(found);
            }
            start = found.right[..self.block * cols].to_vec();
        }
        None
    }

    /// The best triplets whose right vectors are in the Krylov space of `start` (Rayleigh & Ritz).
    fn within(&self, start: &[f64], matrix: &[f64], turned: &[f64], cols: usize) -> Singular {
        let rows = matrix.len() / cols;
        let mut space = Basis::new(cols);
        let mut images = Vec::with_capacity(self.space * rows);
        let mut next = start.to_vec();
        loop {
            space.extend(&next);
            let newest = &space.vectors[(space.len() - self.block) * cols..];
            let image = images_of(newest, self.block, cols, matrix);
            images.extend_from_slice(&image);
            if space.len() == self.space {
                break;
            }
            next = images_of(&image, self.block, rows, turned);
        }
        let mut basis = Basis::new(rows);
        basis.extend(&images);
        let found = through(&basis, &transpose(&images, rows), self.space);
        Singular {
            right: Packed::new(&space.vectors, self.space, cols).times(&found.right),
            ..found
        }
    }

    /// Whether Aᵀu = s v to within the tolerance, for every triplet that is wanted; A v = s u by
    /// construction.
    fn is_done(&self, found: &Singular, turned: &[f64], rows: usize, cols: usize) -> bool {
        let left = &found.left[..self.wanted * rows];
        let images = images_of(left, self.wanted, rows, turned);
        let largest = found.values[0];
        let triplets = found.values.iter().zip(found.right.chunks_exact(cols));
        images
            .chunks_exact(cols)
            .zip(triplets)
            .all(|(image, (value, right))| {
                let rest: Vec<f64> = image
                    .iter()
                    .zip(right)
                    .map(|(x, v)| x - value * v)
                    .collect();
                dot(&rest, &rest).sqrt() <= TOLERANCE * largest
            })
    }
}
