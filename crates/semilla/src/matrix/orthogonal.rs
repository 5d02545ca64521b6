//! Semi-orthogonal matrices, drawn uniformly.
//!
//! A product of Householder reflectors of independent normal vectors, with the signs of the QR
//! factorization that has a positive diagonal, is exactly Haar-distributed (Stewart 1980, section
//! 3; Mezzadri 2007, section 5): nothing needs to be factorized. Row j of the wide matrix is ± (H₀
//! H₁ … Hⱼ eⱼ)ᵀ: rows are made independently of each other, and of how they are divided among calls
//! and threads.

use std::ops::Range;

use rayon::prelude::*;

use super::product::Scalar;
use super::reflectors::{BLOCK, Block, Panel};
use crate::stream::{Cpu, Stream};

/// Rows that a thread works on together; a multiple of every tile's rows.
const PANEL: usize = 96;

/// A panel has fewer rows where they are so long that it would take more bytes than this.
const PANEL_BYTES: usize = 16 << 20;

/// Blocks of reflectors are held in memory up to this many bytes, and beyond it drawn again for
/// each call.
const HELD_BYTES: usize = 64 << 20;

/// Rows of the wide form that are made at a time on the way to a tall matrix take about this many
/// bytes.
const TURNED_BYTES: usize = 16 << 20;

/// A semi-orthogonal matrix, of which any rows can be made.
///
/// Normal (k, i), i ≥ k, of the wide form's reflectors is element k · columns + i of the stream:
/// where the Gaussian matrix that one would factorize has it.
pub(crate) struct Orthogonal<T> {
    cpu: Cpu,
    stream: Stream,
    rows: usize,
    cols: usize,
    gain: T,
    /// Blocks that are held in memory at a time.
    in_batch: usize,
    /// All blocks, if they are one batch.
    held: Option<Vec<Block<T>>>,
}

impl<T: Scalar> Orthogonal<T> {
    /// A `rows` × `cols` matrix times `gain`: its rows are orthonormal if it is wide, its columns
    /// if it is tall, both if it is square. Draws the reflectors, if they may be held.
    pub(crate) fn new(stream: Stream, rows: usize, cols: usize, gain: T) -> Self {
        let length = rows.max(cols).max(1);
        let mut matrix = Self {
            cpu: Cpu::detected(),
            stream,
            rows,
            cols,
            gain,
            in_batch: (HELD_BYTES / Block::<T>::bytes(length)).max(1),
            held: None,
        };
        let blocks = rows.min(cols).div_ceil(BLOCK);
        if blocks <= matrix.in_batch {
            matrix.held = Some(matrix.blocks(0..blocks));
        }
        matrix
    }

    /// Number and length of the orthonormal vectors.
    fn wide(&self) -> (usize, usize) {
        (self.rows.min(self.cols), self.rows.max(self.cols))
    }

    /// The whole matrix, row-major.
    ///
    /// # Panics
    /// If `out` has a different length.
    pub(crate) fn fill(&self, out: &mut [T]) {
        let len = self.rows.checked_mul(self.cols);
        assert_eq!(Some(out.len()), len, "length of the matrix");
        if self.rows <= self.cols {
            self.vectors(0..self.rows, out);
        } else {
            self.columns(0..self.cols, out);
        }
    }

    /// Some columns of a tall matrix, row-major.
    ///
    /// # Panics
    /// If `out` has a different length than these columns, or there are not so many.
    pub(crate) fn columns(&self, range: Range<usize>, out: &mut [T]) {
        let (_, length) = self.wide();
        if range.is_empty() {
            return;
        }
        let affordable = TURNED_BYTES / size_of::<T>() / length;
        let at_once = affordable.max(1).next_multiple_of(PANEL).min(range.len());
        let mut vectors = vec![T::zeroed(); at_once * length];
        for first in range.clone().step_by(at_once) {
            let count = at_once.min(range.end - first);
            let vectors = &mut vectors[..count * length];
            self.vectors(first..first + count, vectors);
            turn(vectors, length, first - range.start, out, range.len());
        }
    }

    /// The orthonormal vectors `range`, one after the other: rows of a wide matrix, columns of a
    /// tall one.
    ///
    /// # Panics
    /// If `out` has a different length than these vectors, or there are not so many.
    pub(crate) fn vectors(&self, range: Range<usize>, out: &mut [T]) {
        let (number, length) = self.wide();
        assert!(range.end <= number, "vectors of the matrix");
        assert_eq!(out.len(), range.len() * length, "length of the vectors");
        if out.is_empty() {
            return;
        }
        if let Some(held) = &self.held {
            return self.apply(held, range, out);
        }
        let reaching = range.end.div_ceil(BLOCK);
        for first in (0..reaching).step_by(self.in_batch).rev() {
            let last = reaching.min(first + self.in_batch);
            self.apply(&self.blocks(first..last), range.clone(), out);
        }
    }

    fn blocks(&self, range: Range<usize>) -> Vec<Block<T>> {
        let (number, length) = self.wide();
        let draw = |block| Block::draw(self.cpu, self.stream, number, length, block * BLOCK);
        range.into_par_iter().with_max_len(1).map(draw).collect()
    }

    /// Applies a batch of blocks, the last first, to all vectors in `range` that they reach.
    fn apply(&self, blocks: &[Block<T>], range: Range<usize>, out: &mut [T]) {
        let (_, length) = self.wide();
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            return;
        };
        let gain = if first.start == 0 {
            self.gain
        } else {
            T::of(1.0)
        };
        // The last panels cost most: handed out one by one, they come first.
        let rows = (PANEL_BYTES / size_of::<T>() / length).clamp(1, PANEL);
        let panels = out.chunks_mut(rows * length).enumerate().rev();
        panels.par_bridge().for_each_init(
            || Panel::new(self.cpu, rows.min(range.len()), length),
            |panel, (index, out)| {
                let top = range.start + index * rows;
                let rows = out.len() / length;
                if top + rows <= first.start {
                    return;
                }
                panel.load(out, length, last.end().saturating_sub(top));
                for block in blocks.iter().rev() {
                    block.apply(self.cpu, top, rows, panel);
                }
                panel.unload(out, length, first.start.saturating_sub(top), gain);
            },
        );
    }
}

/// Writes vectors as the columns from `first` on of a row-major matrix with `cols` columns.
fn turn<T: Scalar>(vectors: &[T], length: usize, first: usize, out: &mut [T], cols: usize) {
    /// Elements of a vector that are read together: whole lines of the cache.
    const LINE: usize = 16;
    out.par_chunks_mut(LINE * cols)
        .enumerate()
        .for_each(|(chunk, out)| {
            for (column, vector) in vectors.chunks_exact(length).enumerate() {
                let places = out[first + column..].iter_mut().step_by(cols);
                for (to, from) in places.zip(&vector[chunk * LINE..]) {
                    *to = *from;
                }
            }
        });
}

/// Fills `out` with a semi-orthogonal `rows` × `cols` matrix in row-major order, times `gain`: with
/// as many orthonormal rows or columns as fit, drawn uniformly (by Haar's measure) from all such
/// matrices.
///
/// # Panics
/// If `out` does not have `rows * cols` elements.
pub fn orthogonal(stream: Stream, rows: usize, cols: usize, gain: f32, out: &mut [f32]) {
    Orthogonal::new(stream, rows, cols, gain).fill(out);
}

/// As [`orthogonal`], in double precision: different values, since they come from different
/// normals.
///
/// # Panics
/// If `out` does not have `rows * cols` elements.
pub fn orthogonal_f64(stream: Stream, rows: usize, cols: usize, gain: f64, out: &mut [f64]) {
    Orthogonal::new(stream, rows, cols, gain).fill(out);
}
