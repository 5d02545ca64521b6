//! A distribution made ready to be drawn from.

use super::law::{Law, Truncated};
use crate::distribution::{Distribution, DistributionError, reach};
use crate::dtype::DType;

/// A [`Distribution`] that was checked and made ready for one element type.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    pub(crate) laws: Laws,
    dtype: DType,
}

/// The law in the precision that draws it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Laws {
    F32(Law<f32>),
    F64(Law<f64>),
}

impl Sampler {
    /// Checks the parameters for elements of type `dtype`.
    ///
    /// # Errors
    /// A parameter that is not finite, an empty interval, a truncation that leaves nothing, or
    /// values that `dtype` cannot hold.
    pub fn new(distribution: &Distribution, dtype: DType) -> Result<Self, DistributionError> {
        distribution.check(dtype)?;
        let law = match *distribution {
            Distribution::Uniform { low, high } => Law::<f64>::uniform(low, high),
            Distribution::Normal { mean, std } => Law::Normal { mean, std },
            // Bounds beyond the reach of a normal cut nothing: the cheaper law has the same values.
            Distribution::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } if (mean - low).min(high - mean) >= reach(dtype) * std => Law::Normal { mean, std },
            Distribution::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => Law::TruncatedNormal(Truncated::new(mean, std, low, high).ok_or(
                DistributionError::NoMass {
                    mean,
                    std,
                    low,
                    high,
                },
            )?),
        };
        let laws = if dtype == DType::F64 {
            Laws::F64(law)
        } else {
            Laws::F32(law.to_f32())
        };
        Ok(Self { laws, dtype })
    }

    /// The law's numbers, for an implementation of the stream elsewhere (a GPU). They are exactly
    /// those of the precision that draws: `f64` for `f64` elements, `f32` for all others.
    ///
    /// ```
    /// use semilla::{DType, Distribution, Sampler, stream::Law};
    ///
    /// let sampler = Sampler::new(&Distribution::Normal { mean: 0.0, std: 0.1 }, DType::BF16)?;
    /// let std = f64::from(0.1f32);
    /// assert_eq!(sampler.law(), Law::Normal { mean: 0.0, std });
    /// # Ok::<(), semilla::DistributionError>(())
    /// ```
    pub fn law(&self) -> Law<f64> {
        match self.laws {
            Laws::F32(law) => law.map(f64::from),
            Laws::F64(law) => law,
        }
    }

    /// The element type that the sampler was made for.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}
