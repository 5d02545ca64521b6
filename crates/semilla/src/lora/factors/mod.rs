//! Computes the first factors of an adapter.

use super::error::LoraError;
use super::init::LoraInit;
use super::rank::Rank;
use super::weight::{Weight, narrow, wide};
use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::matrix::{Packed, Scalar, orthogonal_f64, transpose};
use crate::stream::{Key, Part, Sampler, Stream};

/// The initial factors of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// A `[r, in]`, row-major.
    pub a: Vec<f32>,
    /// B `[out, r]`, row-major.
    pub b: Vec<f32>,
    /// The residual W - s B A `[out, in]`, row-major. It must replace the weight, so that the
    /// adapted layer computes what the layer did. `None` where the weight stays as it is.
    pub residual: Option<Vec<f64>>,
}

impl LoraInit {
    /// Computes the factors for a weight `[out, in]`, row-major.
    ///
    /// Random values come from the stream of `key`, by convention the key of A's name. Signs that a
    /// factorization leaves open are fixed: the entry of largest magnitude in each column of B is
    /// positive for [`LoraInit::Pissa`] and [`LoraInit::Mica`], the diagonal of R for
    /// [`LoraInit::Olora`]. The same input gives the same bits on any CPU and any number of
    /// threads.
    ///
    /// # Errors
    /// The rank does not fit the matrix, the weight's length does not match its shape, a value is
    /// NaN or infinite, or the factors overflow f32.
    pub fn factors<T: Copy + Into<f64>>(
        self,
        weight: &[T],
        [out, input]: [usize; 2],
        rank: Rank,
        key: Key,
    ) -> Result<Factors, LoraError> {
        let r = rank.get();
        if out.checked_mul(input) != Some(weight.len()) {
            let len = weight.len();
            return Err(LoraError::Length { len, out, input });
        }
        if r > out.min(input) {
            return Err(LoraError::Rank {
                rank: r,
                out,
                input,
            });
        }
        if self == Self::Orthogonal && !r.is_multiple_of(2) {
            return Err(LoraError::OddRank(r));
        }
        let weight = Weight::new(weight, out, input)?;
        let stream = Stream::from_key(key);
        let (a, b) = match self {
            Self::ZeroB => {
                let high = 1.0 / (input as f64).sqrt();
                let law = Distribution::Uniform { low: -high, high };
                (drawn(law, stream, r * input), vec![0.0; out * r])
            }
            Self::Gaussian => {
                let (mean, std) = (0.0, 1.0 / r as f64);
                let law = Distribution::Normal { mean, std };
                (drawn(law, stream, r * input), vec![0.0; out * r])
            }
            Self::Orthogonal => orthogonal(stream, out, r, input),
            Self::Pissa => weight.principal(rank),
            Self::Olora => weight.triangular(r),
            Self::Mica => (vec![0.0; r * input], weight.minor(r)),
        };
        if !a.iter().chain(&b).all(|x| x.is_finite()) {
            return Err(LoraError::Overflow(weight.largest()));
        }
        let residual = self.has_residual().then(|| weight.without(&a, &b, rank));
        Ok(Factors { a, b, residual })
    }
}

impl Factors {
    /// The squared Frobenius norm of B A.
    pub fn squared_norm(&self, rank: Rank) -> f64 {
        // tr(BA (BA)ᵀ) = tr(BᵀB AAᵀ)
        let r = rank.get();
        let a = wide(&self.a);
        let b = transpose(&wide(&self.b), r);
        let gram = |rows: &[f64]| Packed::transposed(rows, r, rows.len() / r).times(rows);
        let products = gram(&a).into_iter().zip(gram(&b)).map(|(a, b)| a * b);
        products.sum::<f64>().max(0.0)
    }
}

/// A and B of [`LoraInit::Orthogonal`].
fn orthogonal(stream: Stream, out: usize, r: usize, input: usize) -> (Vec<f32>, Vec<f32>) {
    let half = r / 2;
    let mut q = vec![0.0; r * r];
    orthogonal_f64(stream.part(Part(2)), r, r, 0.1, &mut q);
    let every_other = |first: usize| -> Vec<f64> {
        let rows = q.chunks_exact(r).skip(first).step_by(2);
        rows.flatten().copied().collect()
    };
    let normals = |part, columns: usize| {
        let mut normals = vec![0.0; half * columns];
        f64::normals(stream.part(Part(part)), 0, &mut normals);
        Packed::new(&normals, half, columns)
    };
    let a = normals(0, input).times(&transpose(&every_other(0), r));
    let b = normals(1, out).times(&transpose(&every_other(1), r));
    (narrow(&a), narrow(&transpose(&b, out)))
}

fn drawn(law: Distribution, stream: Stream, len: usize) -> Vec<f32> {
    let mut values = vec![0f32; len];
    let sampler = Sampler::new(&law, DType::F32).expect("positive and finite parameters");
    stream.par_fill(&sampler, 0, &mut values);
    values
}

#[cfg(test)]
mod tests;
