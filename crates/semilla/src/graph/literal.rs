//! Few numbers, held in the graph itself.

use serde::Serialize;

use crate::DType;

/// A small tensor with its values: a shape, an axis, a factor of a formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Literal {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Literal {
    /// A tensor of little-endian, row-major `bytes`; `None` if they are not as many as the type
    /// and the shape ask for.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>, bytes: Vec<u8>) -> Option<Self> {
        let shape = shape.into();
        let needed = shape
            .iter()
            .try_fold(dtype.size(), |bytes, &size| bytes.checked_mul(size));
        (needed == Some(bytes.len())).then_some(Self {
            dtype,
            shape,
            bytes,
        })
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values as they are stored: little-endian, row-major.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The values, row-major. 64-bit integers beyond 2⁵³ are rounded: see [`Literal::ints`].
    pub fn floats(&self) -> Vec<f64> {
        let mut values = Vec::new();
        self.dtype.decode(&self.bytes, &mut values);
        values
    }

    /// The values of integers and booleans, row-major; `None` for floats and for values beyond
    /// `i64`.
    pub fn ints(&self) -> Option<Vec<i64>> {
        match self.dtype {
            DType::I64 => {
                let (elements, _) = self.bytes.as_chunks::<8>();
                Some(elements.iter().map(|&e| i64::from_le_bytes(e)).collect())
            }
            DType::U64 => {
                let (elements, _) = self.bytes.as_chunks::<8>();
                let values = elements.iter().map(|&e| u64::from_le_bytes(e).try_into());
                values.collect::<Result<_, _>>().ok()
            }
            dtype if dtype.is_float() => None,
            // All shorter integers are exact as f64.
            _ => Some(self.floats().iter().map(|&value| value as i64).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_and_as_many_as_the_shape_says() {
        let big = i64::MAX.to_le_bytes().to_vec();
        let literal = Literal::new(DType::I64, [1], big).unwrap();
        assert_eq!(literal.ints(), Some(vec![i64::MAX]));
        let literal = Literal::new(DType::I8, [2], vec![0xff, 3]).unwrap();
        assert_eq!(literal.ints(), Some(vec![-1, 3]));
        assert_eq!(literal.floats(), [-1.0, 3.0]);
        let half = Literal::new(DType::F32, [], 0.5f32.to_le_bytes().to_vec()).unwrap();
        assert_eq!((half.ints(), half.floats()), (None, vec![0.5]));
        let beyond = Literal::new(DType::U64, [1], vec![0xff; 8]).unwrap();
        assert_eq!(beyond.ints(), None);
        assert_eq!(Literal::new(DType::F32, [2], vec![0; 4]), None);
        assert_eq!(Literal::new(DType::F32, [usize::MAX, 9], vec![0; 4]), None);
    }
}
