//! A weight, and the factors that its factorizations give.

use super::error::LoraError;
use super::rank::Rank;
use crate::matrix::{Basis, Packed, leading, singular, transpose};

/// A weight `[out, in]` of finite values, row-major.
pub(super) struct Weight {
    values: Vec<f64>,
    out: usize,
    input: usize,
}

impl Weight {
    pub(super) fn new<T: Copy + Into<f64>>(
        values: &[T],
        out: usize,
        input: usize,
    ) -> Result<Self, LoraError> {
        let values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
        match values.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(LoraError::NotFinite {
                row: at / input,
                column: at % input,
                value: values[at],
            }),
            None => Ok(Self { values, out, input }),
        }
    }

    /// The largest magnitude.
    pub(super) fn largest(&self) -> f64 {
        self.values.iter().fold(0f64, |most, x| most.max(x.abs()))
    }

    /// PiSSA's A and B: the r largest singular triplets of W / s, √S on each side.
    pub(super) fn principal(&self, rank: Rank) -> (Vec<f32>, Vec<f32>) {
        let mut found = leading(&self.values, self.out, self.input, rank.get());
        let lines = found.left.chunks_exact_mut(self.out);
        let pairs = lines.zip(found.right.chunks_exact_mut(self.input));
        for ((left, right), value) in pairs.zip(&found.values) {
            let root = (value / rank.scaling()).sqrt();
            left.iter_mut().chain(right).for_each(|x| *x *= root);
        }
        let b = transpose(&found.left, self.out);
        (narrow(&found.right), narrow(&b))
    }

    /// OLoRA's A and B: the first r rows of R and columns of Q, where W = Q R.
    pub(super) fn triangular(&self, r: usize) -> (Vec<f32>, Vec<f32>) {
        let columns: Vec<f64> = (0..r).flat_map(|k| self.column(k)).collect();
        let mut basis = Basis::new(self.out);
        basis.extend(&columns);
        let mut q = basis.vectors;
        let mut rows = Packed::new(&self.values, self.out, self.input).times(&q);
        let lines = q.chunks_exact_mut(self.out);
        for (k, (q, row)) in lines.zip(rows.chunks_exact_mut(self.input)).enumerate() {
            row[..k].fill(0.0);
            if row[k] < 0.0 {
                q.iter_mut().chain(row).for_each(|x| *x = -*x);
            }
        }
        (narrow(&rows), narrow(&transpose(&q, self.out)))
    }

    /// MiCA's B: the left vectors of the r smallest singular values.
    pub(super) fn minor(&self, r: usize) -> Vec<f32> {
        let found = singular(&self.values, self.out, self.input);
        let first = found.left.len() - r * self.out;
        narrow(&transpose(&found.left[first..], self.out))
    }

    fn column(&self, k: usize) -> impl Iterator<Item = f64> + '_ {
        self.values[k..].iter().step_by(self.input).copied()
    }

    /// The residual W - s B A.
    pub(super) fn without(&self, a: &[f32], b: &[f32], rank: Rank) -> Vec<f64> {
        let product = Packed::new(&wide(a), rank.get(), self.input).times(&wide(b));
        let pairs = self.values.iter().zip(product);
        pairs.map(|(w, x)| w - rank.scaling() * x).collect()
    }
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| x.into()).collect()
}

pub(super) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}
