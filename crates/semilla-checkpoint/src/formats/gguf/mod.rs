//! GGUF, the format of llama.cpp: metadata, a list of tensors, then their values.
//!
//! **Who writes it.** llama.cpp's converters and quantizers, and the Python package `gguf`.
//!
//! **Read.** Versions 2 and 3, little-endian. Plain elements as they are; the quantized blocks Q4_0
//! to Q8_0, Q2_K to Q6_K, IQ1 to IQ4, TQ1_0, TQ2_0, MXFP4 and NVFP4 as F32.
//!
//! **Refused.** Version 1, big-endian files, and all other quantizations.

mod blocks;
mod encoding;
mod grids;
mod numbers;
mod reader;
mod structure;
mod tables;

pub use reader::Gguf;
