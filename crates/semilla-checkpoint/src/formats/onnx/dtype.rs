//! The element types of ONNX.

use semilla::DType;

/// The element type with this number in ONNX, or the name of one that cannot be read.
pub(super) fn dtype(data_type: u64) -> Result<DType, &'static str> {
    Ok(match data_type {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        8 => return Err("STRING"),
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        14 => return Err("COMPLEX64"),
        15 => return Err("COMPLEX128"),
        16 => DType::BF16,
        17 => DType::F8E4M3,
        18 => return Err("FLOAT8E4M3FNUZ"),
        19 => DType::F8E5M2,
        20 => return Err("FLOAT8E5M2FNUZ"),
        21 => return Err("UINT4"),
        22 => return Err("INT4"),
        23 => return Err("FLOAT4E2M1"),
        24 => DType::F8E8M0,
        25 => return Err("UINT2"),
        26 => return Err("INT2"),
        _ => return Err("unknown to this reader"),
    })
}
