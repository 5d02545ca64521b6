//! Blocks of Householder reflectors drawn from normals, and what they do to a panel of rows.
//!
//! The reflector of index k is H = I - 2 v vᵀ / vᵀv, v = x + sign(x₀) ‖x‖ e₀ for a vector x of
//! normals on the coordinates from k on; it takes e₀ to -sign(x₀) x / ‖x‖. A block of them is H₁ H₂
//! … = I - V T Vᵀ (Schreiber & Van Loan 1989), where T⁻¹ is the upper triangle of VᵀV with the
//! diagonal halved (Puglisi 1992).

use super::product::{Extent, Groups, Rows, Scalar, Target};
use crate::stream::{Cpu, Stream};

/// Reflectors in a block. Part of the definition of the values: it decides how sums are bracketed.
pub(crate) const BLOCK: usize = 64;

/// Between rows: a few more than needed, so that they do not all compete for the same places in the
/// caches.
pub(crate) fn spread(len: usize) -> usize {
    len.next_multiple_of(64) + 16
}

/// The reflectors `start..start + count`, on the coordinates from `start` on.
pub(crate) struct Block<T> {
    pub(crate) start: usize,
    /// Coordinates.
    len: usize,
    /// For each reflector, the sign that makes its image of the first coordinate point along x.
    signs: Vec<T>,
    /// V in groups of reflectors.
    v: Vec<T>,
    /// -Tᵀ Vᵀ in groups of coordinates.
    u: Vec<T>,
    /// Rows of `u`, from group to group.
    depth: usize,
}

/// A few rows of the matrix while reflectors are applied to them.
pub(crate) struct Panel<T> {
    /// Row-major, [`spread`]; rows not begun yet are zero, and so is all beyond the matrix.
    w: Vec<T>,
    stride: usize,
    /// The rows' products with V.
    x: Vec<T>,
}

impl<T: Scalar> Panel<T> {
    /// A panel of `rows` rows for matrices of `cols` columns, zero.
    pub(crate) fn new(cpu: Cpu, rows: usize, cols: usize) -> Self {
        let tile = T::tile(cpu);
        let rows = rows.next_multiple_of(tile.rows);
        let stride = spread(cols + tile.cols);
        Self {
            w: vec![T::zeroed(); rows * stride],
            stride,
            x: vec![T::zeroed(); rows * spread(BLOCK)],
        }
    }

    /// Takes up rows that earlier batches of blocks have begun, from `begun` on; the others are
    /// zero.
    pub(crate) fn load(&mut self, rows: &[T], cols: usize, begun: usize) {
        self.w.fill(T::zeroed());
        let lines = self.w.chunks_exact_mut(self.stride);
        for (to, from) in lines.zip(rows.chunks_exact(cols)).skip(begun) {
            to[..cols].copy_from_slice(from);
        }
    }

    /// Hands back the rows from `begun` on, times `gain`.
    pub(crate) fn unload(&self, rows: &mut [T], cols: usize, begun: usize, gain: T) {
        let lines = self.w.chunks_exact(self.stride);
        for (from, to) in lines.zip(rows.chunks_exact_mut(cols)).skip(begun) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = from.times(gain);
            }
        }
    }
}

impl<T: Scalar> Block<T> {
    /// The bytes that a block of a matrix of `cols` columns holds.
    pub(crate) fn bytes(cols: usize) -> usize {
        cols.saturating_mul(2 * BLOCK * size_of::<T>())
    }

    /// Draws the reflectors of a `rows` × `cols` matrix, `rows <= cols`, that begin at `start`.
    pub(crate) fn draw(cpu: Cpu, stream: Stream, rows: usize, cols: usize, start: usize) -> Self {
        let tile = T::tile(cpu);
        let count = BLOCK.min(rows - start);
        let len = cols - start;
        let depth = count.next_multiple_of(tile.rows);
        let mut x = vec![T::zeroed(); len];
        // First holds Vᵀ itself.
        let mut u = vec![T::zeroed(); len.div_ceil(tile.cols) * depth * tile.cols];
        let mut signs = Vec::with_capacity(count);
        let mut diagonal = Vec::with_capacity(count);
        for i in 0..count {
            let index = (start + i) as u64;
            T::normals(stream, index * cols as u64 + index, &mut x[i..]);
            let (sign, half_square) = to_reflector(&mut x[i..]);
            signs.push(sign);
            diagonal.push(half_square);
            let groups = u.chunks_exact_mut(depth * tile.cols);
            for (u, x) in groups.zip(x.chunks(tile.cols)) {
                u[i * tile.cols..][..x.len()].copy_from_slice(x);
            }
            x[i] = T::zeroed();
        }
        let v = by_reflector(&u, depth, count, len, tile.cols);
        let t = triangle(cpu, &u, &v, len, &diagonal);
        transform(cpu, &t, &mut u, count);
        Self {
            start,
            len,
            signs,
            v,
            u,
            depth,
        }
    }

    /// The first coordinate that no reflector begins at any more.
    pub(crate) fn end(&self) -> usize {
        self.start + self.signs.len()
    }

    /// Applies the block to the `rows` rows of the panel, whose first is row `first` of the matrix.
    ///
    /// Rows from the block's end on are multiplied; the block's own rows begin as unit vectors;
    /// those before it are beyond its reach.
    pub(crate) fn apply(&self, cpu: Cpu, first: usize, rows: usize, panel: &mut Panel<T>) {
        let tile = T::tile(cpu);
        let begun = self.end().saturating_sub(first).min(rows);
        let own = self.start.saturating_sub(first).min(rows);
        let whole = rows.next_multiple_of(tile.rows);
        let count = self.signs.len();
        let Panel { w, stride, x } = panel;
        let (stride, x_stride) = (*stride, spread(BLOCK));

        x.fill(T::zeroed());
        let from = begun / tile.rows * tile.rows;
        let extent = Extent {
            rows: whole - from,
            groups: count.div_ceil(tile.cols),
            depth: self.len,
        };
        let a = Rows {
            data: &w[(from * stride + self.start).min(w.len())..],
            stride,
        };
        let b = Groups {
            data: &self.v,
            stride: self.len * tile.cols,
        };
        let c = Target {
            data: &mut x[from * x_stride..],
            row: x_stride,
            group: tile.cols,
        };
        T::add_product(cpu, extent, a, b, c);

        for row in own..begun {
            let k = first + row - self.start;
            w[row * stride + self.start + k] = self.signs[k];
            for (group, values) in self.v.chunks_exact(self.len * tile.cols).enumerate() {
                let to = &mut x[row * x_stride + group * tile.cols..][..tile.cols];
                for (to, v) in to.iter_mut().zip(&values[k * tile.cols..]) {
                    *to = v.times(self.signs[k]);
                }
            }
        }

        let from = own / tile.rows * tile.rows;
        let extent = Extent {
            rows: whole - from,
            groups: self.len.div_ceil(tile.cols),
            depth: count,
        };
        let a = Rows {
            data: &x[from * x_stride..],
            stride: x_stride,
        };
        let b = Groups {
            data: &self.u,
            stride: self.depth * tile.cols,
        };
        let to = (from * stride + self.start).min(w.len());
        let c = Target {
            data: &mut w[to..],
            row: stride,
            group: tile.cols,
        };
        T::add_product(cpu, extent, a, b, c);
    }
}

/// Makes v of x; answers the sign of the reflected unit vector and vᵀv / 2.
fn to_reflector<T: Scalar>(x: &mut [T]) -> (T, f64) {
    let head = x[0].f64();
    let square = sum_of_squares(x);
    let length = square.sqrt();
    // The zero vector has no direction: any reflector will do.
    let lengthened = if length == 0.0 {
        1.0
    } else {
        head + length.copysign(head)
    };
    x[0] = T::of(lengthened);
    let reached = x[0].f64();
    let tail = square - head * head;
    let sign = if head.is_sign_negative() { 1.0 } else { -1.0 };
    (T::of(sign), (tail + reached * reached) / 2.0)
}

/// Eight sums side by side, element i in sum i mod 8, then added from the first to the last.
fn sum_of_squares<T: Scalar>(x: &[T]) -> f64 {
    let mut sums = [0f64; 8];
    let (eights, rest) = x.as_chunks::<8>();
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x.f64() * x.f64();
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x.f64() * x.f64();
    }
    sums.iter().sum()
}

/// Turns V from groups of `width` coordinates, `depth` reflectors each, to groups of `width`
/// reflectors.
fn by_reflector<T: Scalar>(
    from: &[T],
    depth: usize,
    count: usize,
    len: usize,
    width: usize,
) -> Vec<T> {
    let mut v = vec![T::zeroed(); count.div_ceil(width) * len * width];
    for (group, v) in v.chunks_exact_mut(len * width).enumerate() {
        let first = group * width;
        let coordinates = v.chunks_mut(width * width);
        for (v, from) in coordinates.zip(from.chunks_exact(depth * width)) {
            let reflectors = from[first * width..count * width].chunks_exact(width);
            for (i, reflector) in reflectors.take(width).enumerate() {
                for (to, from) in v[i..].iter_mut().step_by(width).zip(reflector) {
                    *to = *from;
                }
            }
        }
    }
    v
}

/// -Tᵀ, row-major, padded with zero rows to whole tiles.
fn triangle<T: Scalar>(cpu: Cpu, vt: &[T], v: &[T], len: usize, diagonal: &[f64]) -> Vec<T> {
    let tile = T::tile(cpu);
    let count = diagonal.len();
    let rows = count.next_multiple_of(tile.rows);
    let row = count.next_multiple_of(tile.cols);
    let mut gram = vec![T::zeroed(); rows * row];
    for (group, v) in v.chunks_exact(len * tile.cols).enumerate() {
        // What lies above the diagonal is enough.
        let above = ((group + 1) * tile.cols).next_multiple_of(tile.rows);
        let coordinates = v.chunks(tile.cols * tile.cols);
        for (vt, v) in vt.chunks_exact(rows * tile.cols).zip(coordinates) {
            let extent = Extent {
                rows: above.min(rows),
                groups: 1,
                depth: v.len() / tile.cols,
            };
            let a = Rows {
                data: vt,
                stride: tile.cols,
            };
            let b = Groups { data: v, stride: 0 };
            let c = Target {
                data: &mut gram[group * tile.cols..],
                row,
                group: 0,
            };
            T::add_product(cpu, extent, a, b, c);
        }
    }

    let gram: Vec<f64> = gram.iter().map(|g| g.f64()).collect();
    let mut t = vec![T::zeroed(); rows * count];
    let mut line = [0f64; BLOCK];
    // Row i of T solves (row of T) · T⁻¹ = eᵢ from left to right.
    for i in 0..count {
        line.fill(0.0);
        line[i] = 1.0;
        for k in i..count {
            let value = line[k] / diagonal[k];
            t[k * count + i] = T::of(-value);
            let gram = &gram[k * row..][k + 1..count];
            for (sum, g) in line[k + 1..count].iter_mut().zip(gram) {
                *sum -= value * g;
            }
        }
    }
    t
}

/// Multiplies Vᵀ, in groups of coordinates, by `t`.
fn transform<T: Scalar>(cpu: Cpu, t: &[T], u: &mut [T], count: usize) {
    let tile = T::tile(cpu);
    let depth = t.len() / count;
    let mut vt = vec![T::zeroed(); depth * tile.cols];
    for u in u.chunks_exact_mut(vt.len()) {
        vt.copy_from_slice(u);
        u.fill(T::zeroed());
        let t = t.chunks_exact(tile.rows * count);
        let u = u.chunks_exact_mut(tile.rows * tile.cols);
        for (index, (t, u)) in t.zip(u).enumerate() {
            // Tᵀ is zero above the diagonal.
            let extent = Extent {
                rows: tile.rows,
                groups: 1,
                depth: count.min((index + 1) * tile.rows),
            };
            let a = Rows {
                data: t,
                stride: count,
            };
            let b = Groups {
                data: &vt,
                stride: 0,
            };
            let c = Target {
                data: u,
                row: tile.cols,
                group: 0,
            };
            T::add_product(cpu, extent, a, b, c);
        }
    }
}
