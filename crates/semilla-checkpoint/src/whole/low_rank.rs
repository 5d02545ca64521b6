//! Weights with an adapter in them: W + s B A (Hu et al., *LoRA*, 2021, section 4.1), and their
//! rows scaled to lengths of their own (Liu et al., *DoRA*, 2024, section 4).

use super::decoder::{Decoder, Elements, floats};
use crate::{Checkpoint, Error, TensorInfo};

/// The factors of an adapter, by their positions in its file.
pub(crate) struct Factors {
    /// [rank, inputs]
    pub(crate) a: usize,
    /// [outputs, rank]
    pub(crate) b: usize,
    pub(crate) rank: usize,
    /// What the product is multiplied by.
    pub(crate) scaling: f32,
    /// Whether the weight is stored [inputs, outputs].
    pub(crate) is_turned: bool,
    /// The lengths of the weight's rows, where it is not turned.
    pub(crate) lengths: Option<usize>,
    /// The weight that they are added to, where the adapter has one of its own.
    pub(crate) weight: Option<usize>,
}

impl Factors {
    /// What they do to a weight, in words.
    pub(super) fn how(&self) -> String {
        let kind = match self.lengths {
            None => "LoRA",
            Some(_) => "DoRA",
        };
        let Self { rank, scaling, .. } = self;
        format!("{kind} of rank {rank} and scaling {scaling} merged")
    }

    /// The same where the adapter's tensors come after `count` others.
    pub(super) fn behind(self, count: usize) -> Self {
        Self {
            a: self.a + count,
            b: self.b + count,
            lengths: self.lengths.map(|lengths| lengths + count),
            weight: self.weight.map(|weight| weight + count),
            ..self
        }
    }
}

/// A weight with an adapter in it.
pub(super) struct LowRank {
    weight: usize,
    factors: Factors,
    rows: usize,
    columns: usize,
}

impl LowRank {
    /// The factors fit the weight, which has at least one axis.
    pub(super) fn new(weight: usize, info: &TensorInfo, factors: Factors) -> Self {
        let rows = info.shape()[0];
        Self {
            weight: factors.weight.unwrap_or(weight),
            factors,
            rows,
            columns: info.elements() as usize / rows.max(1),
        }
    }

    /// For rows of the weight their factors, `rank` of each; and those of all columns.
    fn factors(
        &self,
        file: &dyn Checkpoint,
        first: usize,
        count: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let Factors { a, b, rank, .. } = self.factors;
        if !self.factors.is_turned {
            let of_rows = floats(file, b, (first * rank) as u64, count * rank)?;
            return Ok((of_rows, floats(file, a, 0, rank * self.columns)?));
        }
        let mut of_rows = vec![0.0; count * rank];
        for k in 0..rank {
            let line = floats(file, a, (k * self.rows + first) as u64, count)?;
            for (row, value) in line.into_iter().enumerate() {
                of_rows[row * rank + k] = value;
            }
        }
        let stored = floats(file, b, 0, self.columns * rank)?;
        let mut of_columns = vec![0.0; rank * self.columns];
        for (column, values) in stored.chunks_exact(rank).enumerate() {
            for (k, &value) in values.iter().enumerate() {
                of_columns[k * self.columns + column] = value;
            }
        }
        Ok((of_rows, of_columns))
    }

    /// Adds s B A to columns `start..` of a row.
    fn add(&self, values: &mut [f32], start: usize, of_row: &[f32], of_columns: &[f32]) {
        let mut sums = vec![0f64; values.len()];
        for (&left, line) in of_row.iter().zip(of_columns.chunks_exact(self.columns)) {
            let line = &line[start..start + values.len()];
            for (sum, &right) in sums.iter_mut().zip(line) {
                *sum += f64::from(left) * f64::from(right);
            }
        }
        for (value, sum) in values.iter_mut().zip(sums) {
            *value += sum as f32 * self.factors.scaling;
        }
    }
}

impl Decoder for LowRank {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let (columns, count) = (self.columns as u64, out.len());
        let last = first + count as u64 - 1;
        let (first_row, last_row) = ((first / columns) as usize, (last / columns) as usize);
        let rows = last_row - first_row + 1;
        let (of_rows, of_columns) = self.factors(file, first_row, rows)?;
        let lengths = match self.factors.lengths {
            Some(part) => Some(floats(file, part, first_row as u64, rows)?),
            None => None,
        };
        let mut values = Vec::with_capacity(count);
        let mut start = (first % columns) as usize;
        for row in first_row..=last_row {
            let end = (start + count - values.len()).min(self.columns);
            let at = row - first_row;
            let of_row = &of_rows[at * self.factors.rank..][..self.factors.rank];
            // A row's length is that of all its elements.
            let (from, to) = match lengths {
                Some(_) => (0, self.columns),
                None => (start, end),
            };
            let place = row as u64 * columns + from as u64;
            let mut part = floats(file, self.weight, place, to - from)?;
            self.add(&mut part, from, of_row, &of_columns);
            if let Some(lengths) = &lengths {
                let square: f64 = part.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                let factor = lengths[at] / square.sqrt() as f32;
                part.iter_mut().for_each(|value| *value *= factor);
            }
            values.extend_from_slice(&part[start - from..end - from]);
            start = 0;
        }
        out.fill(&values);
        Ok(())
    }
}
