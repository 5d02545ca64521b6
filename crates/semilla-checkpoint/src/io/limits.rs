//! Bounds on what a file may ask of memory.

/// Bounds on what a source may ask of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a safetensors header, of an index, of a list of shapes, of a
    /// pickle, or of the texts of an ONNX or GGUF file.
    /// Default: 32 MiB.
    pub header_bytes: u64,
    /// Tensors in one file or index; in ONNX, with the nodes, their inputs, outputs and attributes.
    /// Default: 1 000 000.
    pub tensors: usize,
    /// Entries of a file's metadata. Default: 65 536.
    pub metadata: usize,
    /// Bytes of one tensor that must be decoded whole: any format but safetensors. Default: 8 GiB.
    pub decoded_bytes: u64,
    /// Bytes that a file may declare or unpack to per byte that it has. Default: 1000.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 << 20,
            tensors: 1_000_000,
            metadata: 1 << 16,
            decoded_bytes: 8 << 30,
            expansion: 1000,
        }
    }
}
