//! Attention that starts as trained attention looks.

use super::error::FillError;
use super::held::{Area, Matrix};
use super::kind::Kind;
use super::kinds::Projection;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::matrix;
use crate::number::rounded;
use crate::stream::{Key, Sampler, Stream};

/// Trockman & Kolter, *Mimetic Initialization of Self-Attention Layers*, ICML 2023, algorithm 1.
pub(super) struct Mimetic {
    pub(super) part: Projection,
    pub(super) heads: usize,
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) noise: Key,
    pub(super) out_first: bool,
}

impl Kind for Mimetic {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.holds(self.alpha)?;
        target.holds(self.beta)?;
        target.holds_matrix()?;
        let (heads, shape) = (self.heads, target.shape);
        let square = shape.len() == 2 && shape[0] == shape[1];
        let holds = square && heads > 0 && shape[0].is_multiple_of(heads);
        target.needs(holds, format!("it needs a square matrix of {heads} heads"))
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let width = target.shape[0];
        let matrix = self.projection(width)?;
        let area = Area::whole(width, width);
        Ok(Source::Matrix(area, Matrix::F64(matrix)))
    }

    fn description(&self) -> String {
        format!("α {}, β {}", rounded(self.alpha), rounded(self.beta))
    }

    fn is_matrix(&self) -> bool {
        true
    }
}

impl Mimetic {
    fn is_attention(&self) -> bool {
        matches!(self.part, Projection::Query | Projection::Key)
    }

    /// αZ + βI of a head (query and key), or αZ - βI (value and output). Z has variance 1/width.
    fn product(&self, head: u64, width: usize) -> Result<Vec<f64>, FillError> {
        let (mean, std) = (0.0, 1.0);
        let sampler = Sampler::new(&Distribution::Normal { mean, std }, DType::F64)?;
        let scale = self.alpha / (width as f64).sqrt();
        let noise = Stream::from_key(self.noise).child(head);
        let mut matrix = vec![0f64; width * width];
        noise.fill(&sampler, 0, &mut matrix);
        for (i, value) in matrix.iter_mut().enumerate() {
            let diagonal = if i / width == i % width {
                self.beta
            } else {
                0.0
            };
            let diagonal = if self.is_attention() {
                diagonal
            } else {
                -diagonal
            };
            *value = value.mul_add(scale, diagonal);
        }
        Ok(matrix)
    }

    /// The projection's matrix, `[out, in]` if `out_first`: its factors of the products, by head.
    fn projection(&self, width: usize) -> Result<Vec<f64>, FillError> {
        let (matrices, rank) = match self.is_attention() {
            true => (self.heads, width / self.heads),
            false => (1, width),
        };
        // The factor as [in, out]: column j of head h is the j-th singular vector times √σ.
        let mut factor = vec![0f64; width * width];
        for head in 0..matrices {
            let svd = matrix::svd(&self.product(head as u64, width)?, width);
            let left = matches!(self.part, Projection::Query | Projection::Value);
            let vectors = if left { &svd.left } else { &svd.right };
            for j in 0..rank {
                let root = svd.values[j].sqrt();
                for i in 0..width {
                    let value = vectors[j * width + i] * root;
                    let column = head * rank + j;
                    // The output projection is the right factor itself, not its transpose.
                    let at = match self.part {
                        Projection::Output => column * width + i,
                        _ => i * width + column,
                    };
                    factor[at] = value;
                }
            }
        }
        Ok(match self.out_first {
            true => transpose(&factor, width),
            false => factor,
        })
    }
}

fn transpose(square: &[f64], width: usize) -> Vec<f64> {
    (0..width * width)
        .map(|i| square[i % width * width + i / width])
        .collect()
}
