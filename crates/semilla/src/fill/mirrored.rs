//! Fills that cancel what an activation adds to a signal: mirrored and centred weights.

use super::error::FillError;
use super::held::Matrix;
use super::kind::Kind;
use super::kinds::Fill;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::dtype::DType;
use crate::number::rounded;
use crate::stream::Stream;

/// Balduzzi et al., *The Shattered Gradients Problem*, ICML 2017, section 4.
pub(super) struct Mirrored<'a> {
    pub(super) axes: &'a [usize],
    pub(super) of: &'a Fill,
}

/// The shape of what is mirrored along these axes: of an odd size, one more than half.
pub(crate) fn halved(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let half = |(axis, &size): (usize, &usize)| match axes.contains(&axis) {
        true => size.div_ceil(2),
        false => size,
    };
    shape.iter().enumerate().map(half).collect()
}

impl Kind for Mirrored<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let (axes, shape) = (self.axes, target.shape);
        let problem = format!("it has not all of the axes {axes:?}");
        target.needs(axes.iter().all(|axis| *axis < shape.len()), problem)?;
        target.holds_matrix()?;
        let smaller = halved(shape, axes);
        self.of
            .check_generated(target.with(&smaller), "a mirrored fill")
    }

    fn source(&self, stream: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let smaller = halved(target.shape, self.axes);
        let values = held(self.of, stream, target.with(&smaller))?;
        let shape: Vec<u64> = target.shape.iter().map(|&size| size as u64).collect();
        let mirrored: Vec<bool> = (0..shape.len()).map(|i| self.axes.contains(&i)).collect();
        Ok(Source::each(move |index| {
            let (mut rest, mut place, mut stride, mut is_negative) = (index, 0, 1, false);
            for (&size, &mirrored) in shape.iter().zip(&mirrored).rev() {
                let at = rest % size;
                rest /= size;
                let size = if mirrored { size.div_ceil(2) } else { size };
                is_negative ^= at >= size;
                place += at % size * stride;
                stride *= size;
            }
            let value = values.get(place as usize);
            if is_negative { -value } else { value }
        }))
    }

    fn description(&self) -> String {
        format!("{}, mirrored", self.of)
    }

    fn is_matrix(&self) -> bool {
        true
    }

    fn std(&self) -> Option<f64> {
        self.of.std()
    }
}

/// [`Mirrored`] along both axes of an orthogonal matrix.
pub(super) struct LooksLinear {
    pub(super) gain: f64,
}

impl LooksLinear {
    fn orthogonal(&self, target: Target<'_>) -> Fill {
        let (gain, rows) = (
            self.gain,
            target.shape.first().map_or(0, |rows| rows.div_ceil(2)),
        );
        Fill::Orthogonal { gain, rows }
    }
}

const MATRIX: &[usize] = &[0, 1];

impl Kind for LooksLinear {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs(target.shape.len() == 2, "it needs two axes")?;
        let of = &self.orthogonal(target);
        Mirrored { axes: MATRIX, of }.check(target)
    }

    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        let of = &self.orthogonal(target);
        Mirrored { axes: MATRIX, of }.source(stream, target, part)
    }

    fn description(&self) -> String {
        format!("gain {}", rounded(self.gain))
    }

    fn is_matrix(&self) -> bool {
        true
    }
}

/// Weights of mean 0 at each index of an axis.
pub(super) struct Centred<'a> {
    pub(super) axis: usize,
    pub(super) of: &'a Fill,
}

impl Kind for Centred<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let axis = self.axis;
        let problem = format!("there is no axis {axis}");
        target.needs(axis < target.shape.len(), problem)?;
        target.holds_matrix()?;
        self.of.check_generated(target, "a centred fill")
    }

    fn source(&self, stream: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let values = held(self.of, stream, target)?;
        let (size, inner) = (target.shape[self.axis], target.inner(self.axis)? as usize);
        let at = move |index: usize| index / inner % size;
        let elements = target.elements()? as usize;
        let mut means = vec![0.0; size];
        for index in 0..elements {
            means[at(index)] += values.get(index);
        }
        let each = (elements / size) as f64;
        means.iter_mut().for_each(|mean| *mean /= each);
        Ok(Source::each(move |index| {
            values.get(index as usize) - means[at(index as usize)]
        }))
    }

    fn description(&self) -> String {
        format!("{}, centred", self.of)
    }

    fn is_matrix(&self) -> bool {
        true
    }

    fn std(&self) -> Option<f64> {
        self.of.std()
    }
}

/// All values of a fill, in the precision that matrices are made in.
fn held(of: &Fill, stream: Stream, target: Target<'_>) -> Result<Matrix, FillError> {
    let is_double = target.dtype == DType::F64;
    let dtype = if is_double { DType::F64 } else { DType::F32 };
    let target = Target { dtype, ..target };
    let prepared = of.prepare_for(stream, target, &Slice::whole(target.shape))?;
    Ok(match is_double {
        true => Matrix::F64(prepared.to_vec()?),
        false => Matrix::F32(prepared.to_vec()?),
    })
}
