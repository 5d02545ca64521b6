use semilla::DType;
use semilla::lora::{LoraInit, Rank};
use semilla::stream::Key;

use super::error::AdapterError;
use super::peft::factor;
use super::report::AdaptedMatrix;
use crate::Quoted;

/// A weight that gets an adapter, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The tensor's name in the base.
    pub tensor: &'a str,
    /// The module's name in the model that peft wraps: the factors' keys come from it.
    pub module: &'a str,
    /// The tensor's type.
    pub dtype: DType,
    /// Output and input features.
    pub shape: [usize; 2],
    /// Whether it is stored `[in, out]`.
    pub is_turned: bool,
}

/// A weight's first factors.
#[derive(Clone, Debug)]
pub struct Adapted {
    /// What was done.
    pub report: AdaptedMatrix,
    /// A `[r, in]`, row-major.
    pub a: Vec<f32>,
    /// B `[out, r]`, row-major.
    pub b: Vec<f32>,
    /// The bytes of W - s B A, stored as the weight is, where that takes the weight's place.
    pub residual: Option<Vec<u8>>,
}

impl Matrix<'_> {
    /// The factors of a weight with these elements, in the order in which they are stored.
    ///
    /// # Errors
    /// [`AdapterError::Factors`], [`AdapterError::Residual`].
    pub fn adapted(
        &self,
        values: &[f64],
        init: LoraInit,
        rank: Rank,
        seed: u64,
    ) -> Result<Adapted, AdapterError> {
        let [out, input] = self.shape;
        let weight = match self.is_turned {
            true => &turned(values, out),
            false => values,
        };
        let key = Key::new(seed, &factor(self.module, 'A'));
        let factors = init.factors(weight, self.shape, rank, key);
        let factors = factors.map_err(|source| AdapterError::Factors {
            tensor: Quoted::new(self.tensor),
            source,
        })?;
        let square = squared_norm(weight);
        let adapter = rank.scaling().powi(2) * factors.squared_norm(rank);
        let residual = factors.residual.as_deref();
        let report = AdaptedMatrix {
            tensor: self.tensor.to_owned(),
            module: self.module.to_owned(),
            shape: self.shape,
            dtype: self.dtype,
            rank: rank.get(),
            norm: square.sqrt(),
            share: if square > 0.0 { adapter / square } else { 0.0 },
            residual: residual.map(|values| squared_norm(values).sqrt()),
        };
        let residual = residual.map(|values| match self.is_turned {
            true => self.stored(&turned(values, input)),
            false => self.stored(values),
        });
        Ok(Adapted {
            report,
            residual: residual.transpose()?,
            a: factors.a,
            b: factors.b,
        })
    }

    /// A residual as the tensor's bytes.
    fn stored(&self, residual: &[f64]) -> Result<Vec<u8>, AdapterError> {
        let value = residual.iter().fold(0f64, |most, x| most.max(x.abs()));
        let largest = self.dtype.max_finite();
        let encoded = largest
            .filter(|largest| value <= *largest)
            .and_then(|_| self.dtype.encode(residual));
        encoded.ok_or_else(|| AdapterError::Residual {
            tensor: Quoted::new(self.tensor),
            value,
            dtype: self.dtype,
        })
    }
}

fn squared_norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum()
}

/// The transpose of a row-major matrix that has `rows` rows afterwards.
fn turned(values: &[f64], rows: usize) -> Vec<f64> {
    let row = |i: usize| values[i..].iter().step_by(rows.max(1)).copied();
    (0..rows).flat_map(row).collect()
}
