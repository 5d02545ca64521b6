//! Element types: their names, sizes, and exact rounding from the values that the stream makes.
//!
//! A low-precision weight is the `f32` weight of the same element, rounded once to the nearest
//! representable value, ties to even: [`Element::from_f32`] is that rounding.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;

/// The element type of a tensor, named as in the safetensors format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DType {
    /// IEEE binary64.
    F64,
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of a binary32.
    BF16,
    /// 8-bit float, 4 exponent bits, no infinities ("e4m3fn"): largest value 448.
    #[serde(rename = "F8_E4M3")]
    F8E4M3,
    /// 8-bit float, 5 exponent bits, with infinities: largest value 57344.
    #[serde(rename = "F8_E5M2")]
    F8E5M2,
    /// 8-bit power of two, 2^(code - 127) ("e8m0fnu"): a scale, which no initializer draws.
    #[serde(rename = "F8_E8M0")]
    F8E8M0,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 64-bit unsigned integer.
    U64,
    /// 32-bit unsigned integer.
    U32,
    /// 16-bit unsigned integer.
    U16,
    /// 8-bit unsigned integer.
    U8,
    /// A boolean in one byte.
    #[serde(rename = "BOOL")]
    Bool,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 16] = [
        DType::F64,
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::F8E4M3,
        DType::F8E5M2,
        DType::F8E8M0,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U64,
        DType::U32,
        DType::U16,
        DType::U8,
        DType::Bool,
    ];

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 | DType::U64 => 8,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
            DType::F8E4M3 | DType::F8E5M2 | DType::F8E8M0 | DType::I8 | DType::U8 | DType::Bool => {
                1
            }
        }
    }

    /// Whether values are floating point: the types that initializers draw into.
    pub const fn is_float(self) -> bool {
        matches!(
            self,
            DType::F64 | DType::F32 | DType::F16 | DType::BF16 | DType::F8E4M3 | DType::F8E5M2
        )
    }

    /// The safetensors name, such as `"BF16"`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F64 => "F64",
            DType::F32 => "F32",
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            DType::F8E4M3 => "F8_E4M3",
            DType::F8E5M2 => "F8_E5M2",
            DType::F8E8M0 => "F8_E8M0",
            DType::I64 => "I64",
            DType::I32 => "I32",
            DType::I16 => "I16",
            DType::I8 => "I8",
            DType::U64 => "U64",
            DType::U32 => "U32",
            DType::U16 => "U16",
            DType::U8 => "U8",
            DType::Bool => "BOOL",
        }
    }

    /// The largest finite value of a floating type; `None` for integers.
    pub const fn max_finite(self) -> Option<f64> {
        match self {
            DType::F64 => Some(f64::MAX),
            DType::F32 => Some(f32::MAX as f64),
            DType::F16 => Some(65504.0),
            DType::BF16 => Some(3.3895313892515355e38),
            DType::F8E4M3 => Some(448.0),
            DType::F8E5M2 => Some(57344.0),
            _ => None,
        }
    }
}

impl DType {
    /// Appends the values of little-endian elements, as `f64` (64-bit integers beyond 2⁵³ are
    /// rounded).
    ///
    /// Bytes beyond the last whole element are left out.
    pub fn decode(self, bytes: &[u8], into: &mut Vec<f64>) {
        macro_rules! each {
            ($type:ty, $value:expr) => {{
                let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                into.extend(
                    elements
                        .iter()
                        .map(|&bytes| $value(<$type>::from_le_bytes(bytes))),
                );
            }};
        }
        match self {
            DType::F64 => each!(f64, |v| v),
            DType::F32 => each!(f32, f64::from),
            DType::F16 => each!(f16, f16::to_f64),
            DType::BF16 => each!(bf16, bf16::to_f64),
            DType::F8E4M3 => each!(u8, |v| f64::from(F8E4M3(v).to_f32())),
            DType::F8E5M2 => each!(u8, |v| f64::from(F8E5M2(v).to_f32())),
            DType::F8E8M0 => each!(u8, |v: u8| match v {
                255 => f64::NAN,
                // A binary64's exponent is biased by 1023, this one's by 127.
                v => f64::from_bits((u64::from(v) + 896) << 52),
            }),
            DType::I64 => each!(i64, |v| v as f64),
            DType::I32 => each!(i32, f64::from),
            DType::I16 => each!(i16, f64::from),
            DType::I8 => each!(i8, f64::from),
            DType::U64 => each!(u64, |v| v as f64),
            DType::U32 => each!(u32, f64::from),
            DType::U16 => each!(u16, f64::from),
            DType::U8 | DType::Bool => each!(u8, f64::from),
        }
    }
}

impl DType {
    /// Little-endian elements of the values, each rounded to nearest, ties to even; `None` for
    /// integer types.
    pub fn encode(self, values: &[f64]) -> Option<Vec<u8>> {
        fn each<E: Element>(values: &[f64]) -> Vec<u8> {
            let rounded: Vec<E> = values.iter().map(|&value| E::from_f64(value)).collect();
            let mut bytes = bytemuck::cast_slice(&rounded).to_vec();
            if cfg!(target_endian = "big") {
                bytes
                    .chunks_exact_mut(size_of::<E>())
                    .for_each(<[u8]>::reverse);
            }
            bytes
        }
        Some(match self {
            DType::F64 => each::<f64>(values),
            DType::F32 => each::<f32>(values),
            DType::F16 => each::<f16>(values),
            DType::BF16 => each::<bf16>(values),
            DType::F8E4M3 => each::<F8E4M3>(values),
            DType::F8E5M2 => each::<F8E5M2>(values),
            _ => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not the name of an element type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dtype {0:?}{hint}; use one of {names}", hint = hint(.0), names = NAMES.join(", "))]
pub struct UnknownDType(pub String);

/// The names that errors list.
const NAMES: [&str; DType::ALL.len()] = [
    "f64", "f32", "f16", "bf16", "f8e4m3fn", "f8e5m2", "f8e8m0", "i64", "i32", "i16", "i8", "u64",
    "u32", "u16", "u8", "bool",
];

fn hint(name: &str) -> String {
    did_you_mean(name, NAMES.into_iter())
}

impl FromStr for DType {
    type Err = UnknownDType;

    /// Accepts the names of safetensors, PyTorch (`bfloat16`, `float8_e4m3fn`, `half`...) and Rust,
    /// in any case.
    fn from_str(text: &str) -> Result<Self, UnknownDType> {
        let name = text
            .strip_prefix("torch.")
            .unwrap_or(text)
            .to_ascii_lowercase();
        Ok(match name.as_str() {
            "f64" | "float64" | "double" => DType::F64,
            "f32" | "float32" | "float" => DType::F32,
            "f16" | "float16" | "half" => DType::F16,
            "bf16" | "bfloat16" => DType::BF16,
            "f8_e4m3" | "f8e4m3" | "f8e4m3fn" | "f8_e4m3fn" | "float8_e4m3fn" | "float8e4m3fn" => {
                DType::F8E4M3
            }
            "f8_e5m2" | "f8e5m2" | "float8_e5m2" | "float8e5m2" => DType::F8E5M2,
            "f8_e8m0" | "f8e8m0" | "float8_e8m0fnu" | "f8e8m0fnu" => DType::F8E8M0,
            "i64" | "int64" | "long" => DType::I64,
            "i32" | "int32" | "int" => DType::I32,
            "i16" | "int16" | "short" => DType::I16,
            "i8" | "int8" => DType::I8,
            "u64" | "uint64" => DType::U64,
            "u32" | "uint32" => DType::U32,
            "u16" | "uint16" => DType::U16,
            "u8" | "uint8" => DType::U8,
            "bool" => DType::Bool,
            _ => return Err(UnknownDType(text.to_owned())),
        })
    }
}

/// An 8-bit float with 4 exponent and 3 mantissa bits, no infinities; `0x7f` is NaN ("e4m3fn").
///
/// Source: Micikevicius et al., *FP8 Formats for Deep Learning*, 2022, section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct F8E4M3(pub u8);

/// An 8-bit float with 5 exponent and 2 mantissa bits: the upper byte of a binary16.
///
/// Source: Micikevicius et al., *FP8 Formats for Deep Learning*, 2022, section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct F8E5M2(pub u8);

impl F8E4M3 {
    /// Rounds to nearest, ties to even; what lies beyond 448 by half a step or more is NaN.
    pub fn from_f32(value: f32) -> Self {
        Self(round_f8::<3, 7>(value, 0x7f, 0x7e))
    }

    /// The exact value.
    pub fn to_f32(self) -> f32 {
        if self.0 & 0x7f == 0x7f {
            return f32::NAN;
        }
        widen_f8::<3, 7>(self.0)
    }
}

impl F8E5M2 {
    /// Rounds to nearest, ties to even; what lies beyond 57344 by half a step or more is infinite.
    pub fn from_f32(value: f32) -> Self {
        if value.is_nan() {
            return Self(0x7e | (value.to_bits() >> 24) as u8 & 0x80);
        }
        Self(round_f8::<2, 15>(value, 0x7c, 0x7b))
    }

    /// The exact value.
    pub fn to_f32(self) -> f32 {
        f16::from_bits(u16::from(self.0) << 8).to_f32()
    }
}

/// Rounds to an 8-bit float of `M` mantissa bits and exponent bias `BIAS`. Codes above `last`
/// become `beyond`.
fn round_f8<const M: u32, const BIAS: i32>(value: f32, beyond: u8, last: u8) -> u8 {
    let sign = (value.to_bits() >> 24) as u8 & 0x80;
    let magnitude = value.abs();
    let exponent = ((magnitude.to_bits() >> 23) as i32 - 127).max(1 - BIAS);
    // Adding and subtracting a power of two rounds to a multiple of the step, in the FPU's own
    // nearest-even mode; the step is that of the value's binade, or of the subnormals.
    let step_exponent = exponent - M as i32;
    let shifter = f32::from_bits(((step_exponent + 23 + 127) as u32) << 23);
    let code = if magnitude >= 131072.0 || magnitude.is_nan() {
        beyond
    } else {
        let rounded = (magnitude + shifter) - shifter;
        let bits = rounded.to_bits();
        let unbiased = (bits >> 23) as i32 - 127;
        if unbiased < 1 - BIAS {
            (rounded * f32::from_bits(((127 + BIAS - 1 + M as i32) as u32) << 23)) as u8
        } else {
            let code = ((unbiased + BIAS) << M) | (bits >> (23 - M) & ((1 << M) - 1)) as i32;
            if code > i32::from(last) {
                beyond
            } else {
                code as u8
            }
        }
    };
    sign | code
}

fn widen_f8<const M: u32, const BIAS: i32>(bits: u8) -> f32 {
    let sign = if bits & 0x80 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits & 0x7f) >> M;
    let mantissa = (bits & ((1 << M) - 1)) as f32;
    let unit = (1u32 << M) as f32;
    let magnitude = if exponent == 0 {
        mantissa / unit * 2f32.powi(1 - BIAS)
    } else {
        (1.0 + mantissa / unit) * 2f32.powi(exponent - BIAS)
    };
    sign * magnitude
}

mod sealed {
    pub trait Sealed {}
}

/// A floating element type that weights can be generated in.
pub trait Element: sealed::Sealed + bytemuck::Pod + Send + Sync + Default {
    /// The type's tag.
    const DTYPE: DType;
    /// The one rounding, nearest-even, from the stream's `f32` value.
    fn from_f32(value: f32) -> Self;
    /// The one rounding, nearest-even, of a parameter that is not drawn (a constant, an identity's
    /// gain).
    fn from_f64(value: f64) -> Self;
    /// The exact value (for `f64` itself, the value).
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($type:ty, $dtype:expr, $from32:expr, $from64:expr, $to64:expr) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = $dtype;
            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                $from32(value)
            }
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                $from64(value)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                $to64(self)
            }
        }
    };
}

/// The value rounded to odd: what is rounded once more, to a narrower type, is rounded as if once
/// (Boldo & Melquiond 2008).
fn to_odd(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) == value || value.is_nan() {
        return near;
    }
    let beyond = f64::from(near).abs() > value.abs();
    f32::from_bits((near.to_bits() - u32::from(beyond)) | 1)
}

element!(f64, DType::F64, f64::from, |v| v, |v| v);
element!(f32, DType::F32, |v| v, |v| v as f32, f64::from);
element!(
    f16,
    DType::F16,
    f16::from_f32,
    |v| f16::from_f32(to_odd(v)),
    f16::to_f64
);
element!(
    bf16,
    DType::BF16,
    bf16::from_f32,
    |v| bf16::from_f32(to_odd(v)),
    bf16::to_f64
);
element!(
    F8E4M3,
    DType::F8E4M3,
    F8E4M3::from_f32,
    |v| F8E4M3::from_f32(to_odd(v)),
    |v: F8E4M3| { f64::from(v.to_f32()) }
);
element!(
    F8E5M2,
    DType::F8E5M2,
    F8E5M2::from_f32,
    |v| F8E5M2::from_f32(to_odd(v)),
    |v: F8E5M2| { f64::from(v.to_f32()) }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for dtype in DType::ALL {
            assert_eq!(dtype.name().parse::<DType>(), Ok(dtype));
            assert_eq!(serde_json::to_value(dtype).unwrap(), dtype.name());
        }
        assert_eq!("torch.bfloat16".parse(), Ok(DType::BF16));
        assert!("f31".parse::<DType>().is_err());
    }

    /// The nearest code by exhaustive search, ties to the even code.
    fn nearest(value: f32, decode: impl Fn(u8) -> f32, last: u8) -> u8 {
        let magnitude = f64::from(value.abs());
        let mut best = 0u8;
        for code in 0..=last {
            let distance = (f64::from(decode(code)) - magnitude).abs();
            let best_distance = (f64::from(decode(best)) - magnitude).abs();
            if distance < best_distance || (distance == best_distance && code % 2 == 0) {
                best = code;
            }
        }
        best | if value.is_sign_negative() { 0x80 } else { 0 }
    }

    #[test]
    fn f8_rounds_to_the_nearest_even_code() {
        let mut bits = 0x2e00_0000u32; // 2^-35, below every subnormal
        while f32::from_bits(bits) < 448.0 {
            for value in [f32::from_bits(bits), -f32::from_bits(bits)] {
                assert_eq!(
                    F8E4M3::from_f32(value).0,
                    nearest(value, |c| F8E4M3(c).to_f32(), 0x7e),
                    "e4m3 {value:e}"
                );
                assert_eq!(
                    F8E5M2::from_f32(value).0,
                    nearest(value, |c| F8E5M2(c).to_f32(), 0x7b),
                    "e5m2 {value:e}"
                );
            }
            bits += 0x0001_0001;
        }
    }

    #[test]
    fn doubles_are_rounded_once() {
        fn check<E: Element>(below: f64, above: f64) {
            let middle = (below + above) / 2.0;
            for sign in [1.0, -1.0] {
                for tiny in [1e-9, 1e-15] {
                    let down = E::from_f64(sign * middle * (1.0 - tiny)).to_f64();
                    let up = E::from_f64(sign * middle * (1.0 + tiny)).to_f64();
                    assert_eq!(
                        (down, up),
                        (sign * below, sign * above),
                        "{} {tiny}",
                        E::DTYPE
                    );
                }
            }
            assert!(E::from_f64(f64::NAN).to_f64().is_nan());
            assert_eq!(E::from_f64(1e-300).to_f64(), 0.0);
        }
        for scale in [1.0, 2f64.powi(-9)] {
            for odd in [0.0, 1.0] {
                let step = |bits: i32| 2f64.powi(-bits);
                check::<bf16>(
                    scale * (1.0 + odd * step(7)),
                    scale * (1.0 + (odd + 1.0) * step(7)),
                );
                check::<f16>(
                    scale * (1.0 + odd * step(10)),
                    scale * (1.0 + (odd + 1.0) * step(10)),
                );
            }
        }
        check::<F8E4M3>(1.0, 1.125);
        check::<F8E5M2>(1.25, 1.5);
        assert_eq!(f16::INFINITY, <f16 as Element>::from_f64(f64::INFINITY));
        assert_eq!(bf16::INFINITY, <bf16 as Element>::from_f64(1e300));
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let values = [0.0, -1.5, 0.25, 448.0, -0.0];
        for dtype in DType::ALL {
            let Some(bytes) = dtype.encode(&values) else {
                assert!(!dtype.is_float(), "{dtype}");
                continue;
            };
            let mut decoded = Vec::new();
            dtype.decode(&bytes, &mut decoded);
            assert_eq!(decoded, values, "{dtype}");
        }
        assert_eq!(DType::BF16.encode(&[1.00390625]).unwrap(), [0x80, 0x3f]);
    }

    #[test]
    fn f8_ties_and_overflow() {
        // Every midpoint of neighbouring codes goes to the even one.
        for code in 0..0x7eu8 {
            let middle = (F8E4M3(code).to_f32() + F8E4M3(code + 1).to_f32()) / 2.0;
            assert_eq!(F8E4M3::from_f32(middle).0 % 2, 0, "{code:#x}");
        }
        assert_eq!(F8E4M3::from_f32(464.0).0, 0x7e);
        assert!(F8E4M3::from_f32(465.0).to_f32().is_nan());
        assert_eq!(F8E5M2::from_f32(61439.0).0, 0x7b);
        assert_eq!(F8E5M2::from_f32(61440.0).to_f32(), f32::INFINITY);
        assert_eq!(F8E5M2::from_f32(-1e9).to_f32(), f32::NEG_INFINITY);
        assert!(F8E5M2::from_f32(f32::NAN).to_f32().is_nan());
        assert!(F8E4M3::from_f32(f32::NAN).to_f32().is_nan());
    }
}
