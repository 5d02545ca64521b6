//! Scales and the like, of which one is for many elements of a weight.

use semilla::DType;

use super::decoder::{floats, raw, table};
use crate::{Checkpoint, Error};

/// A part that has one value for each block of a weight.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    part: usize,
    /// The weight's axes.
    shape: Vec<usize>,
    /// Along each axis of the weight how many values there are, and the elements that share one.
    counts: Vec<usize>,
    blocks: Vec<usize>,
    /// Whether its bytes are exponents, whatever their type.
    are_exponents: bool,
}

/// The rows of a grid that some rows of a weight need.
pub(super) struct GridRows<'g> {
    grid: &'g Grid,
    first: usize,
    pub(super) values: Vec<f32>,
}

impl Grid {
    /// Lays a part of some shape over a weight. `wanted` are the sizes of blocks along the last
    /// axes, where they are known.
    ///
    /// # Errors
    /// The part has not a value for each block of equal size.
    pub(super) fn new(
        file: &dyn Checkpoint,
        part: usize,
        shape: &[usize],
        wanted: &[usize],
    ) -> Result<Self, String> {
        let info = &file.tensors()[part];
        let fault = || {
            format!(
                "{} has shape {:?}, which is no grid over {shape:?}",
                info.name(),
                info.shape()
            )
        };
        let counts = counts(info.shape(), shape).ok_or_else(fault)?;
        let unknown = shape.len() - wanted.len().min(shape.len());
        let mut blocks = Vec::with_capacity(shape.len());
        for (axis, (&size, &count)) in shape.iter().zip(&counts).enumerate() {
            let wanted = axis
                .checked_sub(unknown)
                .and_then(|axis| wanted.get(axis).copied());
            blocks.push(block(size, count, wanted).ok_or_else(fault)?);
        }
        Ok(Self {
            part,
            shape: shape.to_vec(),
            counts,
            blocks,
            are_exponents: false,
        })
    }

    /// Takes its bytes, if they are integers, for powers of two as the type E8M0 has them.
    pub(super) fn of_exponents(mut self, file: &dyn Checkpoint) -> Self {
        self.are_exponents = file.tensors()[self.part].dtype() == DType::U8;
        self
    }

    /// Elements along the last axis that share a value.
    pub(super) fn columns(&self) -> usize {
        self.blocks.last().copied().unwrap_or(1)
    }

    /// How many values lie along the last axis.
    pub(super) fn width(&self) -> usize {
        self.counts.last().copied().unwrap_or(1)
    }

    /// What the blocks are, in words.
    pub(super) fn describe(&self) -> String {
        let count: usize = self.counts.iter().product();
        let lead = self.counts.len().saturating_sub(2);
        let inner = (&self.counts[lead..], &self.blocks[lead..]);
        match inner {
            _ if count <= 1 => "with one scale".to_owned(),
            ([_, 1], [1, _]) => "with a scale for each row".to_owned(),
            ([1, 1], _) => "with one scale for each matrix".to_owned(),
            (_, [1, columns]) => format!("by groups of {columns}"),
            (&[of_rows, of_columns], &[rows, columns])
                if rows == columns
                    || of_rows == 1 && rows < columns
                    || of_columns == 1 && columns < rows =>
            {
                // One of the sides may be cut short by the matrix.
                format!("by blocks of {}", rows.max(columns))
            }
            (_, [rows, columns]) => format!("by blocks of {rows} x {columns}"),
            _ => "with a scale for each element".to_owned(),
        }
    }

    /// The rows that rows `first..=last` of the weight need, its leading axes taken as one.
    pub(super) fn rows(
        &self,
        file: &dyn Checkpoint,
        first: usize,
        last: usize,
    ) -> Result<GridRows<'_>, Error> {
        let (start, end) = (self.row(first), self.row(last));
        let width = self.width();
        let (from, count) = (start as u64 * width as u64, (end - start + 1) * width);
        let values = match self.are_exponents {
            false => floats(file, self.part, from, count)?,
            true => {
                let (bytes, powers) = (raw(file, self.part, from, count)?, table(DType::F8E8M0));
                bytes
                    .iter()
                    .map(|&byte| powers[usize::from(byte)])
                    .collect()
            }
        };
        Ok(GridRows {
            grid: self,
            first: start,
            values,
        })
    }

    /// The grid's row for a row of the weight.
    fn row(&self, row: usize) -> usize {
        let lead = self.shape.len().saturating_sub(1);
        let mut rest = row;
        let mut stride = 1;
        let mut at = 0;
        for axis in (0..lead).rev() {
            let index = rest % self.shape[axis].max(1);
            rest /= self.shape[axis].max(1);
            at += index / self.blocks[axis] * stride;
            stride *= self.counts[axis];
        }
        at
    }
}

impl GridRows<'_> {
    /// The values for one row of the weight.
    pub(super) fn of_row(&self, row: usize) -> &[f32] {
        let width = self.grid.width();
        let at = (self.grid.row(row) - self.first) * width;
        &self.values[at..at + width]
    }
}

/// How many values lie along each axis of the weight.
fn counts(part: &[usize], weight: &[usize]) -> Option<Vec<usize>> {
    let axes = weight.len();
    if part.iter().product::<usize>() == 1 {
        return Some(vec![1; axes]);
    }
    let mut counts = match part.len() {
        len if len == axes => return Some(part.to_vec()),
        // One for each row.
        len if len + 1 == axes && *part == weight[..len] => part.to_vec(),
        1 if axes > 0 && part[0] == weight[0] => part.to_vec(),
        _ => return None,
    };
    counts.resize(axes, 1);
    Some(counts)
}

/// How many elements share a value, where `count` values are for `size` elements.
fn block(size: usize, count: usize, wanted: Option<usize>) -> Option<usize> {
    /// Block-wise FP8 has blocks of 128; the last ones may be smaller.
    const USUAL: usize = 128;
    if count == 1 || size == 0 {
        return (count <= 1).then_some(size.max(1));
    }
    if count == 0 {
        return None;
    }
    let candidates = [
        wanted.unwrap_or(USUAL),
        USUAL,
        size / count,
        size.div_ceil(count),
    ];
    let mut fitting = candidates.into_iter();
    fitting.find(|&block| block > 0 && size.div_ceil(block) == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_those_that_fit() {
        assert_eq!(block(256, 2, None), Some(128));
        assert_eq!(block(192, 2, None), Some(128));
        assert_eq!(block(192, 2, Some(96)), Some(96));
        assert_eq!(block(2880, 90, None), Some(32));
        assert_eq!(block(64, 1, None), Some(64));
        assert_eq!(block(64, 64, None), Some(1));
        assert_eq!(block(5, 4, None), Some(1).filter(|_| false));
        assert_eq!(block(5, 0, None), None);
    }

    #[test]
    fn shapes_of_scales() {
        assert_eq!(counts(&[], &[4, 8]), Some(vec![1, 1]));
        assert_eq!(counts(&[1], &[4, 8]), Some(vec![1, 1]));
        assert_eq!(counts(&[4], &[4, 8]), Some(vec![4, 1]));
        assert_eq!(counts(&[4, 1], &[4, 8]), Some(vec![4, 1]));
        assert_eq!(counts(&[2, 4], &[2, 4, 8]), Some(vec![2, 4, 1]));
        assert_eq!(counts(&[3], &[4, 8]), None);
    }
}
