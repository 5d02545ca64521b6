//! Element types by the names that NumPy and its extension `ml_dtypes` give them, which PyTorch, Flax
//! and Zarr took over.

use semilla::DType;

/// The type of a code such as `f4`, without the order of bytes before it.
#[cfg(any(feature = "numpy", feature = "orbax", feature = "torch"))]
pub(crate) fn by_code(code: &str) -> Option<DType> {
    Some(match code {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "f2" => DType::F16,
        "i8" => DType::I64,
        "i4" => DType::I32,
        "i2" => DType::I16,
        "i1" => DType::I8,
        "u8" => DType::U64,
        "u4" => DType::U32,
        "u2" => DType::U16,
        "u1" => DType::U8,
        "b1" => DType::Bool,
        _ => return None,
    })
}

/// The type that `ml_dtypes` adds under this name.
#[cfg(any(feature = "flax", feature = "orbax", feature = "torch"))]
pub(crate) fn by_extension(name: &str) -> Option<DType> {
    Some(match name {
        "bfloat16" => DType::BF16,
        "float8_e4m3fn" => DType::F8E4M3,
        "float8_e5m2" => DType::F8E5M2,
        _ => return None,
    })
}

/// The type of a name such as `float32`, NumPy's own or one of `ml_dtypes`.
#[cfg(any(feature = "flax", feature = "orbax", feature = "torch"))]
pub(crate) fn by_name(name: &str) -> Option<DType> {
    Some(match name {
        "float64" => DType::F64,
        "float32" => DType::F32,
        "float16" => DType::F16,
        "int64" => DType::I64,
        "int32" => DType::I32,
        "int16" => DType::I16,
        "int8" => DType::I8,
        "uint64" => DType::U64,
        "uint32" => DType::U32,
        "uint16" => DType::U16,
        "uint8" => DType::U8,
        "bool" => DType::Bool,
        _ => return by_extension(name),
    })
}
