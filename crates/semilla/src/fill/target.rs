//! The tensor that a fill is for, and the questions that a check asks of it.

use super::error::FillError;
use crate::dtype::DType;
use crate::layout::Layout;

/// The largest matrix (in elements) that a fill may hold whole.
const MAX_MATRIX: u64 = 1 << 31;

/// A tensor's shape and element type.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) shape: &'a [usize],
    pub(super) dtype: DType,
}

impl<'a> Target<'a> {
    /// A tensor of this element type with a different shape.
    pub(super) fn with<'b>(self, shape: &'b [usize]) -> Target<'b> {
        let dtype = self.dtype;
        Target { shape, dtype }
    }

    /// The number of elements.
    pub(super) fn elements(self) -> Result<u64, FillError> {
        count(self.shape)
    }

    /// The elements of one index of an axis: the product of the sizes after it.
    pub(super) fn inner(self, axis: usize) -> Result<u64, FillError> {
        count(&self.shape[axis + 1..])
    }

    /// The size of the last axis; 1 for a scalar.
    pub(super) fn last(self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The error of a fill that is made for a different shape.
    pub(super) fn misfit(self, problem: impl Into<String>) -> FillError {
        FillError::Shape {
            shape: self.shape.to_vec(),
            problem: problem.into(),
        }
    }

    /// A condition on the shape or on the parameters.
    pub(super) fn needs(self, holds: bool, problem: impl Into<String>) -> Result<(), FillError> {
        match holds {
            true => Ok(()),
            false => Err(self.misfit(problem)),
        }
    }

    pub(super) fn needs_axes(self, least: usize) -> Result<(), FillError> {
        let problem = format!("it needs {least} axes or more");
        self.needs(self.shape.len() >= least, problem)
    }

    pub(super) fn fits(self, layout: &Layout) -> Result<(), FillError> {
        let checked = layout.check(self.shape);
        checked.map_err(|error| self.misfit(error.to_string()))
    }

    /// Whether the element type has a value; integers exactly.
    pub(super) fn holds(self, value: f64) -> Result<(), FillError> {
        let dtype = self.dtype;
        let holds = match dtype.max_finite() {
            Some(largest) => value.is_finite() && value.abs() <= largest,
            None => value.fract() == 0.0 && integers(dtype).contains(&value),
        };
        match holds {
            true => Ok(()),
            false => Err(FillError::Constant { value, dtype }),
        }
    }

    /// Whether the tensor may be made as one matrix.
    pub(super) fn holds_matrix(self) -> Result<(), FillError> {
        match self.elements()? <= MAX_MATRIX {
            true => Ok(()),
            false => Err(FillError::TooLarge {
                shape: self.shape.to_vec(),
                action: "made as one matrix",
            }),
        }
    }

    /// The bytes of the tensor in the precision that matrices are made in.
    pub(super) fn matrix_bytes(self) -> usize {
        let element: usize = if self.dtype == DType::F64 { 8 } else { 4 };
        let sizes = self.shape.iter();
        sizes.fold(element, |bytes, &size| bytes.saturating_mul(size))
    }
}

/// The shape with a new size along an axis.
pub(super) fn with_axis(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let Some(whole) = shape.get_mut(axis) {
        *whole = size;
    }
    shape
}

fn count(shape: &[usize]) -> Result<u64, FillError> {
    let mut sizes = shape.iter();
    sizes
        .try_fold(1u64, |n, &size| n.checked_mul(size as u64))
        .filter(|&n| n <= 1 << 60)
        .ok_or_else(|| FillError::TooLarge {
            shape: shape.to_vec(),
            action: "counted",
        })
}

/// The integers that a constant of an integer type may be.
fn integers(dtype: DType) -> std::ops::RangeInclusive<f64> {
    // Every integer up to 2⁵³ is a float; nobody's constant is larger.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match dtype {
        DType::Bool => 0.0..=1.0,
        DType::U8 => 0.0..=u8::MAX.into(),
        DType::U16 => 0.0..=u16::MAX.into(),
        DType::U32 => 0.0..=u32::MAX.into(),
        DType::U64 => 0.0..=EXACT,
        DType::I8 => i8::MIN.into()..=i8::MAX.into(),
        DType::I16 => i16::MIN.into()..=i16::MAX.into(),
        DType::I32 => i32::MIN.into()..=i32::MAX.into(),
        _ => -EXACT..=EXACT,
    }
}
