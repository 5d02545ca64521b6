//! The ways in which ggml stores elements, by their numbers.

use semilla::DType;

use super::blocks::Quantization;
use crate::tensor::TensorInfo;

/// How elements are stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Encoding {
    Plain(DType),
    Blocks(Quantization),
}

impl Encoding {
    /// The way of storing with this number in ggml, or the name of one that cannot be read.
    pub(super) fn from_number(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Encoding::Plain(DType::F32),
            1 => Encoding::Plain(DType::F16),
            2 => Encoding::Blocks(Quantization::Q4_0),
            3 => Encoding::Blocks(Quantization::Q4_1),
            6 => Encoding::Blocks(Quantization::Q5_0),
            7 => Encoding::Blocks(Quantization::Q5_1),
            8 => Encoding::Blocks(Quantization::Q8_0),
            10 => Encoding::Blocks(Quantization::Q2K),
            11 => Encoding::Blocks(Quantization::Q3K),
            12 => Encoding::Blocks(Quantization::Q4K),
            13 => Encoding::Blocks(Quantization::Q5K),
            14 => Encoding::Blocks(Quantization::Q6K),
            16 => Encoding::Blocks(Quantization::Iq2Xxs),
            17 => Encoding::Blocks(Quantization::Iq2Xs),
            18 => Encoding::Blocks(Quantization::Iq3Xxs),
            19 => Encoding::Blocks(Quantization::Iq1S),
            20 => Encoding::Blocks(Quantization::Iq4Nl),
            21 => Encoding::Blocks(Quantization::Iq3S),
            22 => Encoding::Blocks(Quantization::Iq2S),
            23 => Encoding::Blocks(Quantization::Iq4Xs),
            24 => Encoding::Plain(DType::I8),
            25 => Encoding::Plain(DType::I16),
            26 => Encoding::Plain(DType::I32),
            27 => Encoding::Plain(DType::I64),
            28 => Encoding::Plain(DType::F64),
            29 => Encoding::Blocks(Quantization::Iq1M),
            30 => Encoding::Plain(DType::BF16),
            34 => Encoding::Blocks(Quantization::Tq1),
            35 => Encoding::Blocks(Quantization::Tq2),
            39 => Encoding::Blocks(Quantization::Mxfp4),
            40 => Encoding::Blocks(Quantization::Nvfp4),
            _ => return Err(unsupported(number)),
        })
    }

    pub(super) fn dtype(self) -> DType {
        match self {
            Encoding::Plain(dtype) => dtype,
            Encoding::Blocks(_) => DType::F32,
        }
    }

    /// The bytes that a tensor has in the file.
    pub(super) fn bytes(self, info: &TensorInfo) -> u64 {
        match self {
            Encoding::Plain(_) => info.bytes(),
            Encoding::Blocks(quantization) => {
                info.elements() / quantization.elements() as u64 * quantization.bytes() as u64
            }
        }
    }
}

fn unsupported(number: u32) -> String {
    const NAMES: [(u32, &str); 5] = [
        (4, "Q4_2"),
        (5, "Q4_3"),
        (9, "Q8_1"),
        (15, "Q8_K"),
        (41, "Q1_0"),
    ];
    NAMES
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| format!("type {number}"), |(_, name)| (*name).to_owned())
}
