//! First values of low-rank adapters (LoRA), from the weight that is adapted.
//!
//! An adapted layer computes with W + s B A: W is the frozen weight `[out, in]`, B `[out, r]` and A `[r, in]` are
//! trained, and s is α / r (Hu et al. 2021, section 4.1) or α / √r (Kalajdzievski 2023). Whether training starts where
//! the pretrained model is depends on the first A and B: either B A is zero, or W is replaced by the residual
//! W - s B A. Nothing here changes a weight: where a residual belongs to the factors, it is handed out beside them.
//!
//! The definitions are those of peft 0.21.2, value by value where they follow from the weight, law by law where they
//! are random. [`LoraInit`] says what holds for each.
//!
//! ```
//! use semilla::lora::{LoraInit, Rank};
//! use semilla::stream::Key;
//!
//! let weight = [3.0, 0.0, 0.0, 0.0, 2.0, 0.0]; // [2, 3]
//! let rank = Rank::new(1, 1.0)?;
//! let factors = LoraInit::Pissa.factors(&weight, [2, 3], rank, Key::new(0, "fc.lora_A.weight"))?;
//! let root = 3f32.sqrt();
//! assert_eq!((factors.a, factors.b), (vec![root, 0.0, 0.0], vec![root, 0.0]));
//! let residual = factors.residual.expect("PiSSA has one");
//! assert!(residual[0].abs() < 1e-6 && residual[4] == 2.0);
//! # Ok::<(), semilla::lora::LoraError>(())
//! ```

mod target;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::matrix::{Basis, Packed, Scalar, leading, orthogonal_f64, singular, transpose};
use crate::stream::{Key, Part, Sampler, Stream};
use crate::suggest::did_you_mean;
pub use target::{Target, TargetError};

/// How the factors of an adapter begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraInit {
    /// A uniform on ±1/√in, B zero: B A = 0 (peft's `True`; the code of Hu et al. 2021, whose paper says Gaussian).
    #[default]
    #[serde(rename = "true", alias = "zero_b")]
    ZeroB,
    /// A normal with standard deviation 1/r, B zero: B A = 0.
    Gaussian,
    /// A = Qₒᵀ G / 10 and B = Hᵀ Qₑ / 10, with Qₒ and Qₑ every other row of one random orthogonal `[r, r]` matrix and G,
    /// H normal: neither is zero, and B A = 0 to rounding, since Qₑ Qₒᵀ = 0. The rank must be even.
    Orthogonal,
    /// The r largest singular triplets of W / s = U S Vᵀ: A = √S Vᵀ, B = U √S (PiSSA: Meng, Wang & Zhang 2024, section 3).
    /// W - s B A is the residual, of spectral norm sᵣ₊₁ (Eckart & Young 1936); AAᵀ = BᵀB = S.
    Pissa,
    /// B = Q and A = R, the first r columns and rows of W = Q R (OLoRA: Büyükakyüz 2024, section 3): BᵀB = 1 and the
    /// residual W - s B A. As in peft, s does not divide R: the residual's first r columns are (1 - s) W's.
    Olora,
    /// B the left singular vectors of the r smallest of the min(out, in) singular values, A zero: BᵀB = 1 and B A = 0
    /// (MiCA, arXiv:2604.01694). B stays frozen in training: only A is learned.
    Mica,
}

impl LoraInit {
    /// Every initializer, in the order of their declaration.
    pub const ALL: [LoraInit; 6] = [
        LoraInit::ZeroB,
        LoraInit::Gaussian,
        LoraInit::Orthogonal,
        LoraInit::Pissa,
        LoraInit::Olora,
        LoraInit::Mica,
    ];

    /// The name that peft's `init_lora_weights` has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroB => "true",
            Self::Gaussian => "gaussian",
            Self::Orthogonal => "orthogonal",
            Self::Pissa => "pissa",
            Self::Olora => "olora",
            Self::Mica => "mica",
        }
    }

    /// Whether B A is not zero, so that a residual takes the weight's place.
    pub const fn has_residual(self) -> bool {
        matches!(self, Self::Pissa | Self::Olora)
    }
}

impl fmt::Display for LoraInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of an initializer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} does not initialize adapters; choose true (or zero_b), gaussian, orthogonal, pissa, olora or mica{suggestion}"
)]
pub struct UnknownLoraInit {
    name: String,
    suggestion: String,
}

impl FromStr for LoraInit {
    type Err = UnknownLoraInit;

    fn from_str(text: &str) -> Result<Self, UnknownLoraInit> {
        let name = text.to_ascii_lowercase();
        if name == "zero_b" {
            return Ok(Self::ZeroB);
        }
        let known = Self::ALL.into_iter().find(|init| init.name() == name);
        known.ok_or_else(|| UnknownLoraInit {
            name: text.to_owned(),
            suggestion: did_you_mean(text, Self::ALL.iter().map(|init| init.name())),
        })
    }
}

/// The rank r of an adapter, and what B A is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    rank: usize,
    scaling: f64,
}

impl Rank {
    /// The scaling is α / r.
    ///
    /// # Errors
    /// The rank is 0, or α is not a positive number.
    pub fn new(rank: usize, alpha: f64) -> Result<Self, LoraError> {
        Self::scaled(rank, alpha / rank as f64, alpha)
    }

    /// The scaling is α / √r: what a large rank needs to learn as fast as a small one (rsLoRA: Kalajdzievski 2023,
    /// theorem 3.2).
    ///
    /// # Errors
    /// As those of [`Rank::new`].
    pub fn stabilized(rank: usize, alpha: f64) -> Result<Self, LoraError> {
        Self::scaled(rank, alpha / (rank as f64).sqrt(), alpha)
    }

    fn scaled(rank: usize, scaling: f64, alpha: f64) -> Result<Self, LoraError> {
        if rank == 0 {
            return Err(LoraError::ZeroRank);
        }
        if !(scaling.is_normal() && scaling > 0.0) {
            return Err(LoraError::Alpha(alpha));
        }
        Ok(Self { rank, scaling })
    }

    /// r.
    pub const fn get(self) -> usize {
        self.rank
    }

    /// s.
    pub const fn scaling(self) -> f64 {
        self.scaling
    }
}

/// Why a weight gets no factors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoraError {
    /// Nothing would be learned.
    #[error("the rank is 0; choose 1 or more")]
    ZeroRank,
    /// The scaling would not be a positive number.
    #[error("alpha is {0}; it must be a positive number")]
    Alpha(f64),
    /// The rank is beyond the matrix's own.
    #[error("rank {rank} does not fit a {out} x {input} matrix; choose at most {}", out.min(input))]
    Rank {
        /// The rank.
        rank: usize,
        /// The matrix's rows.
        out: usize,
        /// The matrix's columns.
        input: usize,
    },
    /// Orthogonal factors take half of the rows each.
    #[error(
        "orthogonal factors need an even rank, not {0}; choose an even one, or another initializer"
    )]
    OddRank(usize),
    /// The weight has another number of elements than its shape.
    #[error("the weight has {len} elements, its shape is {out} x {input}")]
    Length {
        /// Its elements.
        len: usize,
        /// The rows that were told.
        out: usize,
        /// The columns that were told.
        input: usize,
    },
    /// The weight holds NaN or an infinity.
    #[error("element [{row}, {column}] of the weight is {value}; factors need finite values")]
    NotFinite {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// What is there.
        value: f64,
    },
    /// The factors overflow.
    #[error("the factors do not fit in f32: the weight's values reach {0:e}")]
    Overflow(f64),
}

/// The first factors of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// A `[r, in]`, row-major.
    pub a: Vec<f32>,
    /// B `[out, r]`, row-major.
    pub b: Vec<f32>,
    /// W - s B A `[out, in]`, row-major, of these very factors: what must take the weight's place, so that the adapted layer
    /// computes what the layer did. `None` where the weight stays as it is.
    pub residual: Option<Vec<f64>>,
}

impl LoraInit {
    /// The factors for a weight `[out, in]`, row-major.
    ///
    /// What is random comes of the stream of `key`, by convention the key of A's name. Signs that a factorization leaves
    /// open are fixed: the entry of largest magnitude in each column of B is positive for [`LoraInit::Pissa`] and
    /// [`LoraInit::Mica`], the diagonal of R for [`LoraInit::Olora`]. The same values in give the same bits out, on any
    /// CPU and any number of threads.
    ///
    /// # Errors
    /// A rank that does not fit, a weight of another length, or one that holds NaN or infinite values.
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

/// A finite weight.
struct Weight {
    values: Vec<f64>,
    out: usize,
    input: usize,
}

impl Weight {
    fn new<T: Copy + Into<f64>>(values: &[T], out: usize, input: usize) -> Result<Self, LoraError> {
        let values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
        match values.iter().position(|x| !x.is_finite()) {
            Some(place) => Err(LoraError::NotFinite {
                row: place / input,
                column: place % input,
                value: values[place],
            }),
            None => Ok(Self { values, out, input }),
        }
    }

    fn largest(&self) -> f64 {
        self.values.iter().fold(0f64, |most, x| most.max(x.abs()))
    }

    fn principal(&self, rank: Rank) -> (Vec<f32>, Vec<f32>) {
        let mut found = leading(&self.values, self.out, self.input, rank.get());
        let lines = found.left.chunks_exact_mut(self.out);
        let pairs = lines.zip(found.right.chunks_exact_mut(self.input));
        for ((left, right), value) in pairs.zip(&found.values) {
            let root = (value / rank.scaling()).sqrt();
            left.iter_mut().chain(right).for_each(|x| *x *= root);
        }
        let b = transpose(&found.left, self.out);
        (narrow(&found.right), narrow(&b))
    }

    fn triangular(&self, r: usize) -> (Vec<f32>, Vec<f32>) {
        let columns: Vec<f64> = (0..r).flat_map(|k| self.column(k)).collect();
        let mut basis = Basis::new(self.out);
        basis.extend(&columns);
        let mut q = basis.vectors;
        let mut rows = Packed::new(&self.values, self.out, self.input).times(&q);
        let lines = q.chunks_exact_mut(self.out);
        for (k, (q, row)) in lines.zip(rows.chunks_exact_mut(self.input)).enumerate() {
            row[..k].fill(0.0);
            if row[k] < 0.0 {
                q.iter_mut().chain(row).for_each(|x| *x = -*x);
            }
        }
        (narrow(&rows), narrow(&transpose(&q, self.out)))
    }

    fn minor(&self, r: usize) -> Vec<f32> {
        let found = singular(&self.values, self.out, self.input);
        let first = found.left.len() - r * self.out;
        narrow(&transpose(&found.left[first..], self.out))
    }

    fn column(&self, k: usize) -> impl Iterator<Item = f64> + '_ {
        self.values[k..].iter().step_by(self.input).copied()
    }

    /// W - s B A.
    fn without(&self, a: &[f32], b: &[f32], rank: Rank) -> Vec<f64> {
        let product = Packed::new(&wide(a), rank.get(), self.input).times(&wide(b));
        let pairs = self.values.iter().zip(product);
        pairs.map(|(w, x)| w - rank.scaling() * x).collect()
    }
}

/// A, B.
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

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| x.into()).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

#[cfg(test)]
mod tests;
