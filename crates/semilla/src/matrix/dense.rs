//! Products and orthonormal vectors of whole matrices in double precision, with the same bits on
//! any CPU and any number of threads.

use rayon::prelude::*;

use super::product::{Extent, Groups, Rows, Scalar, Target, Tile};
use crate::stream::{Cpu, Stream};

/// Rows that a thread takes together; a multiple of every tile's rows.
const PANEL: usize = 96;

/// Groups of columns that a thread takes together.
const STRIP: usize = 16;

/// Vectors that are made perpendicular to the earlier ones together.
const BLOCK: usize = 32;

/// The right side of a product, in the order in which it is read.
pub(crate) struct Packed {
    cpu: Cpu,
    tile: Tile,
    data: Vec<f64>,
    depth: usize,
    cols: usize,
}

impl Packed {
    /// A `depth` × `cols` matrix, row-major.
    pub(crate) fn new(matrix: &[f64], depth: usize, cols: usize) -> Self {
        assert_eq!(matrix.len(), depth * cols, "elements of the matrix");
        Self::with(depth, cols, |first, group, width| {
            for (to, row) in group.chunks_exact_mut(width).zip(matrix.chunks_exact(cols)) {
                let row = &row[first..cols.min(first + width)];
                to[..row.len()].copy_from_slice(row);
            }
        })
    }

    /// The transpose of a `cols` × `depth` matrix, row-major.
    pub(crate) fn transposed(matrix: &[f64], cols: usize, depth: usize) -> Self {
        assert_eq!(matrix.len(), depth * cols, "elements of the matrix");
        Self::with(depth, cols, |first, group, width| {
            for column in first..cols.min(first + width) {
                let to = group[column - first..].iter_mut().step_by(width);
                for (to, from) in to.zip(&matrix[column * depth..]) {
                    *to = *from;
                }
            }
        })
    }

    /// `pack` is given the first column, the group to fill, and a group's columns.
    fn with(depth: usize, cols: usize, pack: impl Fn(usize, &mut [f64], usize) + Sync) -> Self {
        let cpu = Cpu::detected();
        let tile = f64::tile(cpu);
        let group = (depth * tile.cols).max(1);
        let mut data = vec![0.0; depth * cols.next_multiple_of(tile.cols)];
        let groups = data.par_chunks_mut(group).enumerate();
        groups.for_each(|(index, to)| pack(index * tile.cols, to, tile.cols));
        Self {
            cpu,
            tile,
            data,
            depth,
            cols,
        }
    }

    /// The product of a matrix of rows as long as this one is deep with this one, row-major.
    pub(crate) fn times(&self, left: &[f64]) -> Vec<f64> {
        if self.depth == 0 || self.cols == 0 || left.is_empty() {
            return vec![0.0; left.len().checked_div(self.depth).unwrap_or(0) * self.cols];
        }
        let rows = left.len() / self.depth;
        assert_eq!(left.len(), rows * self.depth, "elements of the left side");
        let groups = self.cols.div_ceil(self.tile.cols);
        let panels = rows.div_ceil(PANEL);
        let strips = groups.div_ceil(STRIP);
        let strip = STRIP * self.tile.cols;
        let pieces: Vec<Vec<f64>> = (0..panels * strips)
            .into_par_iter()
            .with_max_len(1)
            .map(|piece| {
                let (panel, strip) = (piece / strips, piece % strips);
                let from = panel * PANEL * self.depth;
                let rows = &left[from..left.len().min(from + PANEL * self.depth)];
                let first = strip * STRIP;
                self.piece(rows, first, STRIP.min(groups - first))
            })
            .collect();
        let mut out = vec![0.0; rows * self.cols];
        let lines = out.par_chunks_mut(PANEL * self.cols).enumerate();
        lines.for_each(|(panel, out)| {
            for (index, piece) in pieces[panel * strips..][..strips].iter().enumerate() {
                let width = strip.min(groups * self.tile.cols - index * strip);
                for (out, piece) in out
                    .chunks_exact_mut(self.cols)
                    .zip(piece.chunks_exact(width))
                {
                    let out = &mut out[index * strip..];
                    let len = out.len().min(width);
                    out[..len].copy_from_slice(&piece[..len]);
                }
            }
        });
        out
    }

    /// The product of a panel of rows with some groups of columns, as many columns as the groups
    /// have.
    fn piece(&self, rows: &[f64], first: usize, groups: usize) -> Vec<f64> {
        let count = rows.len() / self.depth;
        let whole = count.next_multiple_of(self.tile.rows);
        let padded;
        let data = if whole == count {
            rows
        } else {
            padded = [rows, &vec![0.0; (whole - count) * self.depth]].concat();
            &padded
        };
        let row = groups * self.tile.cols;
        let mut out = vec![0.0; whole * row];
        let extent = Extent {
            rows: whole,
            groups,
            depth: self.depth,
        };
        let stride = self.depth;
        let group = self.depth * self.tile.cols;
        let b = Groups {
            data: &self.data[first * group..],
            stride: group,
        };
        let c = Target {
            data: &mut out,
            row,
            group: self.tile.cols,
        };
        f64::add_product(self.cpu, extent, Rows { data, stride }, b, c);
        out
    }
}

/// The transpose of a row-major matrix with `cols` columns.
pub(crate) fn transpose(matrix: &[f64], cols: usize) -> Vec<f64> {
    /// Columns that are read together: whole lines of the cache.
    const LINE: usize = 16;
    let rows = matrix.len().checked_div(cols).unwrap_or(0);
    let mut out = vec![0.0; matrix.len()];
    let lines = out.par_chunks_mut((LINE * rows).max(1)).enumerate();
    lines.for_each(|(line, out)| {
        for (i, row) in matrix.chunks_exact(cols).enumerate() {
            let places = out[i..].iter_mut().step_by(rows);
            for (to, from) in places.zip(&row[line * LINE..]) {
                *to = *from;
            }
        }
    });
    out
}

/// Orthonormal vectors of one length, one after the other.
pub(crate) struct Basis {
    length: usize,
    pub(crate) vectors: Vec<f64>,
}

impl Basis {
    pub(crate) fn new(length: usize) -> Self {
        let vectors = Vec::new();
        Self { length, vectors }
    }

    /// How many vectors there are.
    pub(super) fn len(&self) -> usize {
        self.vectors.len() / self.length
    }

    /// Adds as many orthonormal vectors as are given, so that the span has the given ones: by Gram
    /// and Schmidt's method, again while a vector loses half of itself (Giraud, Langou & Rozložník
    /// 2005). A vector that is in the span already is replaced by a new direction.
    ///
    /// # Panics
    /// If there would be more vectors than their length.
    pub(crate) fn extend(&mut self, vectors: &[f64]) {
        /// Two are enough, except for vectors that consist of rounding errors; vectors that are not
        /// finite would never settle.
        const PASSES: usize = 10;
        for block in vectors.chunks(BLOCK * self.length) {
            let count = block.len() / self.length;
            assert!(self.len() + count <= self.length, "room for the vectors");
            let mut block = block.to_vec();
            let mut lengths: Vec<f64> = block.chunks_exact(self.length).map(norm).collect();
            for _ in 0..PASSES {
                self.remove_from(&mut block);
                let mut settled = true;
                for (i, length) in lengths.iter_mut().enumerate() {
                    let (done, x) = block[..(i + 1) * self.length].split_at_mut(i * self.length);
                    remove(done, x);
                    let left = norm(x);
                    settled &= left > 0.5 * *length;
                    if left <= self.rounding(*length) {
                        self.another(done, x);
                    }
                    normalize(x);
                    *length = 1.0;
                }
                if settled {
                    break;
                }
            }
            self.vectors.extend_from_slice(&block);
        }
    }

    /// The length that rounding may leave of a vector in the span.
    fn rounding(&self, length: f64) -> f64 {
        4.0 * length * f64::EPSILON * (self.length as f64).sqrt()
    }

    /// Fills `x` with a direction beside the span and the vectors `done`.
    fn another(&self, done: &[f64], x: &mut [f64]) {
        const STREAM: &str = "a direction beside others";
        let place = self.vectors.len() + done.len();
        // Normals keep a length of about the root of the number of dimensions left: the first try
        // nearly always does.
        for seed in 0..100 {
            f64::normals(Stream::new(seed, STREAM), place as u64, x);
            for _ in 0..2 {
                remove(&self.vectors, x);
                remove(done, x);
            }
            if norm(x) > 0.1 {
                return;
            }
        }
    }

    /// Takes the span's part out of each vector.
    fn remove_from(&self, vectors: &mut [f64]) {
        let Some(count) = Some(self.len()).filter(|&count| count > 0) else {
            return;
        };
        let along = Packed::transposed(&self.vectors, count, self.length).times(vectors);
        let parts = Packed::new(&self.vectors, count, self.length).times(&along);
        for (x, part) in vectors.iter_mut().zip(parts) {
            *x -= part;
        }
    }
}

/// Takes the parts along unit vectors out of `x`, one after the other.
fn remove(vectors: &[f64], x: &mut [f64]) {
    for unit in vectors.chunks_exact(x.len()) {
        let along = dot(unit, x);
        for (x, unit) in x.iter_mut().zip(unit) {
            *x -= along * unit;
        }
    }
}

fn normalize(x: &mut [f64]) {
    let length = norm(x);
    x.iter_mut().for_each(|x| *x /= length);
}

/// Eight sums side by side, element i in sum i mod 8.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0f64; 8];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (x, y) in x.iter().zip(y) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum += x * y;
    }
    sums.iter().sum()
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}
