//! An adapter's rank, with the factor that its product is multiplied by.

use super::error::LoraError;

/// The rank r of an adapter and its scaling s: the layer computes W + s B A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    rank: usize,
    scaling: f64,
}

impl Rank {
    /// Rank r with scaling α / r (Hu et al. 2021, section 4.1).
    ///
    /// # Errors
    /// The rank is 0, or α is not a positive number.
    pub fn new(rank: usize, alpha: f64) -> Result<Self, LoraError> {
        Self::scaled(rank, alpha / rank as f64, alpha)
    }

    /// Rank r with scaling α / √r, which lets large ranks learn as fast as small ones (rsLoRA:
    /// Kalajdzievski 2023, theorem 3.2).
    ///
    /// # Errors
    /// As for [`Rank::new`].
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

    /// The rank r.
    pub const fn get(self) -> usize {
        self.rank
    }

    /// The scaling s.
    pub const fn scaling(self) -> f64 {
        self.scaling
    }
}
