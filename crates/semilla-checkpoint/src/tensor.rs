use std::ops::Deref;

use semilla::DType;

use crate::Malformed;
use crate::error::{InvalidTensor, Quoted, TensorFault};

/// The key under which safetensors keeps its metadata among the tensors.
pub(crate) const METADATA_KEY: &str = "__metadata__";
pub(crate) const MAX_NAME_BYTES: usize = 4096;
pub(crate) const MAX_DIMS: usize = 64;

/// What is known of a tensor without its values: name, element type, shape.
///
/// The name has at most 4096 bytes and no control characters, the shape at most 64 dimensions, and
/// the product of any of the dimensions with the element's size fits in an `i64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    name: Box<str>,
    dtype: DType,
    shape: Box<[usize]>,
}

impl TensorInfo {
    /// Describes a tensor.
    ///
    /// # Errors
    /// The name or the shape is not one that a file can hold.
    pub fn new(
        name: impl Into<String>,
        dtype: DType,
        shape: impl Into<Vec<usize>>,
    ) -> Result<Self, InvalidTensor> {
        let (name, shape) = (name.into(), shape.into());
        let fault = if name.len() > MAX_NAME_BYTES {
            TensorFault::LongName(name.len())
        } else if name.chars().any(char::is_control) {
            TensorFault::ControlCharacter
        } else if name == METADATA_KEY {
            TensorFault::Reserved
        } else if shape.len() > MAX_DIMS {
            TensorFault::Dimensions(shape.len())
        } else if !fits_a_file(dtype, &shape) {
            TensorFault::TooLarge(shape)
        } else {
            return Ok(Self {
                name: name.into_boxed_str(),
                dtype,
                shape: shape.into_boxed_slice(),
            });
        };
        Err(InvalidTensor {
            name: Quoted::new(&name),
            fault,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape, outermost dimension first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements the shape has.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&dim| dim as u64).product()
    }

    /// How many bytes the elements have.
    pub fn bytes(&self) -> u64 {
        self.elements() * self.dtype.size() as u64
    }

    /// The same tensor under a fault.
    pub(crate) fn invalid(&self, fault: TensorFault) -> InvalidTensor {
        InvalidTensor {
            name: Quoted::new(&self.name),
            fault,
        }
    }
}

/// Zeros count as ones, so that no partial product (a stride, a fan) can overflow either.
fn fits_a_file(dtype: DType, shape: &[usize]) -> bool {
    shape
        .iter()
        .try_fold(dtype.size() as i64, |bytes, &dim| {
            bytes.checked_mul(i64::try_from(dim.max(1)).ok()?)
        })
        .is_some()
}

/// A list of tensors with different names, whose bytes together fit in an `i64`.
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    list: Vec<TensorInfo>,
    /// Positions in the list, by name.
    by_name: Vec<usize>,
}

impl Tensors {
    /// Keeps the order of the list.
    ///
    /// # Errors
    /// A name occurs twice, or all bytes together overflow.
    pub fn new(list: Vec<TensorInfo>) -> Result<Self, Malformed> {
        let mut by_name: Vec<usize> = (0..list.len()).collect();
        by_name.sort_unstable_by_key(|&tensor| list[tensor].name());
        let twice = by_name
            .windows(2)
            .find(|pair| list[pair[0]].name == list[pair[1]].name);
        if let Some(pair) = twice {
            return Err(Malformed::Duplicate(Quoted::new(&list[pair[0]].name)));
        }
        list.iter()
            .try_fold(0i64, |sum, tensor| sum.checked_add_unsigned(tensor.bytes()))
            .ok_or(Malformed::TotalTooLarge)?;
        Ok(Self { list, by_name })
    }

    /// The position of the tensor with this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name
            .binary_search_by_key(&name, |&tensor| self.list[tensor].name())
            .ok()
            .map(|position| self.by_name[position])
    }

    /// The bytes of all tensors together.
    pub fn bytes(&self) -> u64 {
        self.list.iter().map(TensorInfo::bytes).sum()
    }
}

impl Deref for Tensors {
    type Target = [TensorInfo];

    fn deref(&self) -> &[TensorInfo] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_names_that_no_file_can_hold() {
        let fault = |name: &str, shape: &[usize]| {
            TensorInfo::new(name, DType::F32, shape).map_err(|invalid| invalid.fault)
        };
        assert_eq!(fault("a", &[0, 1 << 60]).unwrap().bytes(), 0);
        assert_eq!(fault("a", &[]).unwrap().bytes(), 4);
        assert!(matches!(
            fault("a", &[0, 1 << 61]),
            Err(TensorFault::TooLarge(_))
        ));
        assert!(matches!(
            fault("a", &[1 << 40, 1 << 40, 0]),
            Err(TensorFault::TooLarge(_))
        ));
        assert_eq!(fault("a", &[1; 65]), Err(TensorFault::Dimensions(65)));
        assert_eq!(fault("a\0", &[]), Err(TensorFault::ControlCharacter));
        assert_eq!(fault("__metadata__", &[]), Err(TensorFault::Reserved));
        assert_eq!(
            fault(&"a".repeat(4097), &[]),
            Err(TensorFault::LongName(4097))
        );
    }

    #[test]
    fn names_are_found_and_unique() {
        let list = |names: &[&str]| {
            Tensors::new(
                names
                    .iter()
                    .map(|name| TensorInfo::new(*name, DType::U8, [3]).unwrap())
                    .collect(),
            )
        };
        let tensors = list(&["b", "", "a"]).unwrap();
        assert_eq!(
            ["b", "", "a", "c"].map(|n| tensors.index_of(n)),
            [Some(0), Some(1), Some(2), None]
        );
        assert_eq!(tensors.bytes(), 9);
        assert_eq!(
            list(&["b", "a", "b"]).unwrap_err(),
            Malformed::Duplicate(Quoted::new("b"))
        );
        let huge = |name: &str| TensorInfo::new(name, DType::U8, [1 << 62]).unwrap();
        assert_eq!(
            Tensors::new(vec![huge("a"), huge("b")]).unwrap_err(),
            Malformed::TotalTooLarge
        );
    }
}
