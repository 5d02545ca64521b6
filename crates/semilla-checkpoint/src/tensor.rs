//! One tensor without its values, and what can be wrong with it.

use semilla::DType;

use crate::quoted::Quoted;

/// The key under which safetensors keeps its metadata among the tensors.
pub(crate) const METADATA_KEY: &str = "__metadata__";
pub(crate) const MAX_NAME_BYTES: usize = 4096;
pub(crate) const MAX_DIMS: usize = 64;

/// A tensor without its values: name, element type, shape.
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
}

/// A tensor whose name, element type, shape and bytes do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tensor {name}")]
pub struct InvalidTensor {
    /// The tensor's name.
    pub name: Quoted,
    /// The fault.
    #[source]
    pub fault: TensorFault,
}

/// A fault of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFault {
    /// The name has characters that a terminal would obey.
    #[error("control characters in the name")]
    ControlCharacter,
    /// The name is longer than 4096 bytes.
    #[error("the name has {0} bytes, more than {MAX_NAME_BYTES}")]
    LongName(usize),
    /// The name is that of the metadata.
    #[error("this name is reserved for the metadata")]
    Reserved,
    /// More than 64 dimensions.
    #[error("the shape has {0} dimensions, more than {MAX_DIMS}")]
    Dimensions(usize),
    /// The shape's size overflows, zeros among the dimensions left aside.
    #[error("the shape {0:?} has more bytes than a file can have")]
    TooLarge(Vec<usize>),
    /// An element type that cannot be read.
    #[error("its dtype {0} is not supported")]
    DType(Quoted),
    /// The range of data does not have the length that shape and element type ask for.
    #[error(
        "its data range {start}..{end} does not have the {needed} bytes that dtype and shape need"
    )]
    Length {
        /// The range's first byte.
        start: u64,
        /// The byte after the range.
        end: u64,
        /// Bytes that element type and shape ask for.
        needed: u64,
    },
    /// The range of data overlaps another or leaves a hole.
    #[error(
        "its data start at byte {start} where {expected} is due: \
         ranges must neither overlap nor leave holes"
    )]
    Placement {
        /// The range's first byte.
        start: u64,
        /// Where the previous range ended.
        expected: u64,
    },
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
}
