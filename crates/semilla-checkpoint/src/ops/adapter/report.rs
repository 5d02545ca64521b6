use std::path::PathBuf;

use semilla::DType;
use semilla::lora::LoraInit;
use serde::Serialize;

/// A report on an adapter that was written.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterReport {
    /// The first factors.
    pub init: LoraInit,
    /// The rank of every adapter.
    pub rank: usize,
    /// The numerator of the scaling.
    pub alpha: u32,
    /// The factor of B A: alpha / rank, or alpha / √rank.
    pub scaling: f64,
    /// Whether it is alpha / √rank.
    pub rslora: bool,
    /// The seed.
    pub seed: u64,
    /// The adapted matrices.
    pub matrices: Vec<AdaptedMatrix>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// Remarks of the reader, about what of the base was left out or renamed.
    pub remarks: Vec<String>,
    /// Lines of Python that load the adapter, and the base that it belongs to.
    pub load: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl AdapterReport {
    /// How many numbers the factors have together.
    pub fn parameters(&self) -> u64 {
        let parameters = |matrix: &AdaptedMatrix| {
            let [out, input] = matrix.shape.map(|size| size as u64);
            matrix.rank as u64 * (out + input)
        };
        self.matrices.iter().map(parameters).sum()
    }
}

/// A report on one matrix.
#[derive(Clone, Debug, Serialize)]
pub struct AdaptedMatrix {
    /// The tensor's name in the base.
    pub tensor: String,
    /// The module's name in the model that peft wraps.
    pub module: String,
    /// Output and input features.
    pub shape: [usize; 2],
    /// The tensor's type.
    pub dtype: DType,
    /// The rank.
    pub rank: usize,
    /// The Frobenius norm of the weight.
    pub norm: f64,
    /// The squared norm of s B A, in units of the weight's.
    pub share: f64,
    /// The Frobenius norm of W - s B A, where that takes the weight's place.
    pub residual: Option<f64>,
}
