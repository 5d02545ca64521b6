use semilla::model::Convention;

/// What a checkpoint is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Safetensors, in one file or in shards.
    Safetensors,
    /// A JSON list of shapes, without values.
    Shapes,
    /// PyTorch's `.pt` or `.pth`: a zip archive or the older stream of pickles.
    Torch,
    /// NumPy's `.npy` or `.npz`.
    Numpy,
    /// Keras's `.h5`, `.weights.h5` or `.keras`.
    Keras,
    /// ONNX.
    Onnx,
    /// GGUF.
    Gguf,
}

impl Format {
    /// Whose way of storing weights the format is written in: Keras stores [in, out] and [kernel..., in, out], the others
    /// [out, in] and [out, in, kernel...]. GGUF's dimensions are given in row-major order. `None` for formats that hold
    /// anyone's weights: [`Convention::of_names`] may tell.
    pub fn convention(self) -> Option<Convention> {
        match self {
            Format::Keras => Some(Convention::Keras),
            Format::Torch | Format::Onnx | Format::Gguf => Some(Convention::Pytorch),
            Format::Safetensors | Format::Shapes | Format::Numpy => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::Safetensors => "safetensors",
            Format::Shapes => "a list of shapes",
            Format::Torch => "PyTorch",
            Format::Numpy => "NumPy",
            Format::Keras => "Keras HDF5",
            Format::Onnx => "ONNX",
            Format::Gguf => "GGUF",
        })
    }
}
