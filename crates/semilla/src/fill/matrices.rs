//! Matrices: the identity, sparse and orthogonal ones.

use rayon::prelude::*;

use super::error::FillError;
use super::held::{Area, Matrix};
use super::kind::Kind;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::matrix;
use crate::number::rounded;
use crate::stream::{Sampler, Stream};

pub(super) struct Eye {
    pub(super) gain: f64,
}

impl Kind for Eye {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs_axes(2)?;
        target.holds(self.gain)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (gain, columns) = (self.gain, target.inner(0)?.max(1));
        Ok(Source::each(move |i| {
            if i / columns == i % columns {
                gain
            } else {
                0.0
            }
        }))
    }

    fn description(&self) -> String {
        format!("{} on the diagonal", rounded(self.gain))
    }
}

/// Martens, *Deep learning via Hessian-free optimization*, ICML 2010, section 5.
pub(super) struct Sparse {
    pub(super) std: f64,
    pub(super) zeros: usize,
}

impl Sparse {
    fn law(&self) -> Distribution {
        let (mean, std) = (0.0, self.std);
        Distribution::Normal { mean, std }
    }
}

impl Kind for Sparse {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let &[rows, _] = target.shape else {
            return Err(target.misfit("it needs two axes"));
        };
        self.law().check(target.dtype)?;
        target.holds_matrix()?;
        let zeros = self.zeros;
        target.needs(zeros <= rows, format!("{zeros} zeros in columns of {rows}"))
    }

    /// The zeros are the rows whose words are the column's smallest.
    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        let (rows, columns) = (target.shape[0], target.shape[1]);
        let mut area = Area::of(part, target.shape, rows, columns);
        area.rows = 0..rows; // a column's zeros are chosen together
        let mut values = vec![0f32; area.len()];
        let sampler = Sampler::new(&self.law(), DType::F32)?;
        let lines = values.par_chunks_mut(area.columns.len().max(1));
        lines.enumerate().for_each(|(row, line)| {
            let first = row * area.width + area.columns.start;
            stream.fill(&sampler, first as u64, line);
        });
        let order = stream.child(0);
        let mut ranked: Vec<(u32, usize)> = Vec::with_capacity(rows);
        for (place, column) in area.columns.clone().enumerate() {
            ranked.clear();
            ranked.extend((0..rows).map(|row| (order.word((column * rows + row) as u64), row)));
            ranked.sort_unstable();
            for &(_, row) in &ranked[..self.zeros] {
                values[row * area.columns.len() + place] = 0.0;
            }
        }
        Ok(Source::Matrix(area, Matrix::F32(values)))
    }

    fn description(&self) -> String {
        format!("N(0, {}), {} zeros a column", rounded(self.std), self.zeros)
    }

    fn is_matrix(&self) -> bool {
        true
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        Slice::whole(target.shape).cut(1, target.matrix_bytes().div_ceil(most))
    }
}

/// Saxe, McClelland & Ganguli, *Exact solutions to the nonlinear dynamics of learning in deep
/// linear neural networks*, ICLR 2014.
pub(super) struct Orthogonal {
    pub(super) gain: f64,
    pub(super) rows: usize,
}

impl Orthogonal {
    /// The columns of a tensor that has elements.
    fn columns(&self, target: Target<'_>) -> Result<usize, FillError> {
        Ok(target.elements()? as usize / self.rows.max(1))
    }
}

impl Kind for Orthogonal {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs_axes(1)?;
        target.holds(self.gain)?;
        target.holds_matrix()?;
        let (elements, rows) = (target.elements()?, self.rows as u64);
        let divides = elements == 0 || (rows > 0 && elements % rows == 0);
        let problem = format!("its elements do not divide into {rows} rows");
        target.needs(divides, problem)
    }

    /// At least the part: whole rows of a wide matrix, whole columns of a tall one.
    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        fn make<T: matrix::Scalar>(of: matrix::Orthogonal<T>, area: &Area, wide: bool) -> Vec<T> {
            let mut values = vec![T::zeroed(); area.len()];
            if wide {
                of.vectors(area.rows.clone(), &mut values);
            } else {
                of.columns(area.columns.clone(), &mut values);
            }
            values
        }
        let (rows, columns, gain) = (self.rows, self.columns(target)?, self.gain);
        let mut area = Area::of(part, target.shape, rows, columns);
        let wide = rows <= columns;
        if wide {
            area.columns = 0..columns;
        } else {
            area.rows = 0..rows;
        }
        let matrix = if target.dtype == DType::F64 {
            let of = matrix::Orthogonal::new(stream, rows, columns, gain);
            Matrix::F64(make::<f64>(of, &area, wide))
        } else {
            let of = matrix::Orthogonal::new(stream, rows, columns, gain as f32);
            Matrix::F32(make::<f32>(of, &area, wide))
        };
        Ok(Source::Matrix(area, matrix))
    }

    fn description(&self) -> String {
        format!("{} rows, gain {}", self.rows, rounded(self.gain))
    }

    fn is_matrix(&self) -> bool {
        true
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        let (shape, whole) = (target.shape, Slice::whole(target.shape));
        let (rows, last) = (self.rows, shape.len() - 1);
        let columns = self.columns(target).unwrap_or(0);
        let pieces = target.matrix_bytes().div_ceil(most);
        if rows <= columns && rows.is_multiple_of(shape[0]) {
            whole.cut(0, pieces)
        } else if rows > columns && columns == shape[last] {
            whole.cut(last, pieces)
        } else {
            vec![whole]
        }
    }
}

/// A whole orthogonal matrix, for kinds that place one inside of a larger tensor.
pub(super) fn orthogonal(
    stream: Stream,
    rows: usize,
    columns: usize,
    gain: f64,
    dtype: DType,
) -> Matrix {
    if dtype == DType::F64 {
        let mut values = vec![0f64; rows * columns];
        matrix::orthogonal_f64(stream, rows, columns, gain, &mut values);
        Matrix::F64(values)
    } else {
        let mut values = vec![0f32; rows * columns];
        matrix::orthogonal(stream, rows, columns, gain as f32, &mut values);
        Matrix::F32(values)
    }
}
