//! The distributions that independent weights are drawn from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dtype::DType;
use crate::gaussian;
use crate::number::{Short, rounded};

/// A distribution of independent elements, in the units of the weights themselves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Uniform on `[low, high)`.
    Uniform {
        /// The least value.
        low: f64,
        /// The bound above every value.
        high: f64,
    },
    /// Normal with the given mean and standard deviation.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation; 0 gives the mean everywhere.
        std: f64,
    },
    /// Normal with the given mean and standard deviation *before* it is cut to `[low, high]`.
    TruncatedNormal {
        /// The mean of the uncut normal.
        mean: f64,
        /// The standard deviation of the uncut normal.
        std: f64,
        /// The least value.
        low: f64,
        /// The greatest value.
        high: f64,
    },
}

/// Why a distribution cannot be drawn from; every parameter is named with its value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DistributionError {
    /// A parameter is NaN or infinite.
    #[error("{name} is {value}; it must be a finite number")]
    NotFinite {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A standard deviation below zero (or not above it, for a truncated normal).
    #[error("std is {}; a standard deviation must be positive", Short(*.0))]
    Std(f64),
    /// The interval is empty.
    #[error("the interval [{}, {}] is empty; swap its ends", Short(*low), Short(*high))]
    Empty {
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// The interval is so far from the mean that it has next to no mass of the normal.
    #[error(
        "the truncation to [{}, {}] keeps less than 1e-25 of a normal with mean {} and std {}; \
         bounds are values, not multiples of std: widen them",
        Short(*low), Short(*high), Short(*mean), Short(*std)
    )]
    NoMass {
        /// The normal's mean.
        mean: f64,
        /// The normal's standard deviation.
        std: f64,
        /// The interval's lower end.
        low: f64,
        /// The interval's upper end.
        high: f64,
    },
    /// Some values would not be representable.
    #[error(
        "values reach {reach:e}, beyond the largest {dtype} ({largest:e}); \
         choose smaller parameters or a wider dtype"
    )]
    Overflow {
        /// The element type.
        dtype: DType,
        /// The largest magnitude that can be drawn.
        reach: f64,
        /// The largest finite magnitude of the type.
        largest: f64,
    },
    /// The element type is an integer type.
    #[error("random weights need a floating-point dtype, not {0}; use constant, arange or keep")]
    Integer(DType),
}

/// Above the largest |z| of a normal: the radius √(-2 ln 2⁻³³) of a `f32`, √(-2 ln 2⁻⁵⁴) of a
/// `f64`.
pub(crate) const fn reach(dtype: DType) -> f64 {
    if matches!(dtype, DType::F64) {
        8.7
    } else {
        6.8
    }
}

impl Distribution {
    /// The distribution of `factor` times an element of this one.
    pub fn scaled(self, factor: f64) -> Self {
        let between = |low: f64, high: f64| (low.min(high), low.max(high));
        match self {
            Self::Uniform { low, high } => {
                let (low, high) = between(low * factor, high * factor);
                Self::Uniform { low, high }
            }
            Self::Normal { mean, std } => Self::Normal {
                mean: mean * factor,
                std: std * factor.abs(),
            },
            Self::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => {
                let (low, high) = between(low * factor, high * factor);
                Self::TruncatedNormal {
                    mean: mean * factor,
                    std: std * factor.abs(),
                    low,
                    high,
                }
            }
        }
    }

    /// The names of the distributions in text.
    pub(crate) const KINDS: [&'static str; 3] = ["uniform", "normal", "truncated_normal"];

    /// The standard deviation of the values (for a truncated normal, of what remains).
    pub fn std(&self) -> f64 {
        match *self {
            Self::Uniform { low, high } => (high - low) / 12f64.sqrt(),
            Self::Normal { std, .. } => std,
            Self::TruncatedNormal { .. } => self.truncated_moments().1,
        }
    }

    /// The mean of the values.
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Uniform { low, high } => (low + high) / 2.0,
            Self::Normal { mean, .. } => mean,
            Self::TruncatedNormal { .. } => self.truncated_moments().0,
        }
    }

    /// The probability of a value at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        match *self {
            Self::Uniform { low, high } => ((x - low) / (high - low)).clamp(0.0, 1.0),
            Self::Normal { mean, std } => gaussian::cdf((x - mean) / std),
            Self::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => {
                let phi = |x: f64| gaussian::cdf((x - mean) / std);
                ((phi(x.clamp(low, high)) - phi(low)) / (phi(high) - phi(low))).clamp(0.0, 1.0)
            }
        }
    }

    /// Mean and standard deviation of a truncated normal (Johnson, Kotz & Balakrishnan 1994,
    /// section 13.10.1).
    fn truncated_moments(&self) -> (f64, f64) {
        let Self::TruncatedNormal {
            mean,
            std,
            low,
            high,
        } = *self
        else {
            return (self.mean(), self.std());
        };
        let (a, b) = ((low - mean) / std, (high - mean) / std);
        let mass = gaussian::cdf(b) - gaussian::cdf(a);
        let shift = (gaussian::pdf(a) - gaussian::pdf(b)) / mass;
        let spread = (a * gaussian::pdf(a) - b * gaussian::pdf(b)) / mass;
        (
            mean + std * shift,
            std * (1.0 + spread - shift * shift).sqrt(),
        )
    }

    /// The largest magnitude that can be drawn in a type.
    fn reach(&self, dtype: DType) -> f64 {
        match *self {
            Self::Uniform { low, high } => low.abs().max(high.abs()),
            // Wide bounds are not reached: 1e-25 of the mass lies within 10.5 sigma.
            Self::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => low.abs().max(high.abs()).min(mean.abs() + 14.0 * std),
            Self::Normal { mean, std } => mean.abs() + reach(dtype) * std,
        }
    }

    /// Whether elements of type `dtype` can be drawn; see [`Sampler::new`](crate::Sampler::new).
    pub(crate) fn check(&self, dtype: DType) -> Result<(), DistributionError> {
        let (parameters, interval) = match *self {
            Self::Uniform { low, high } => (vec![("low", low), ("high", high)], Some((low, high))),
            Self::Normal { mean, std } => (vec![("mean", mean), ("std", std)], None),
            Self::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => (
                vec![("mean", mean), ("std", std), ("low", low), ("high", high)],
                Some((low, high)),
            ),
        };
        if let Some(&(name, value)) = parameters.iter().find(|(_, value)| !value.is_finite()) {
            return Err(DistributionError::NotFinite { name, value });
        }
        if let Some((low, high)) = interval.filter(|(low, high)| low > high) {
            return Err(DistributionError::Empty { low, high });
        }
        match *self {
            Self::Normal { std, .. } if std < 0.0 => return Err(DistributionError::Std(std)),
            Self::TruncatedNormal { std, .. } if std <= 0.0 => {
                return Err(DistributionError::Std(std));
            }
            _ => {}
        }
        let largest = dtype
            .max_finite()
            .ok_or(DistributionError::Integer(dtype))?;
        let mut reach = self.reach(dtype);
        if let Self::Uniform { low, high } = *self {
            // The width must be representable where the values are computed.
            reach = if dtype == DType::F64 || high - low > f64::from(f32::MAX) {
                reach.max(high - low)
            } else {
                reach
            };
        }
        if reach > largest {
            return Err(DistributionError::Overflow {
                dtype,
                reach,
                largest,
            });
        }
        Ok(())
    }
}

/// `U(±0.05)`, `U(0, 1)`, `N(0, 0.02)`, `N(0, 0.02) in ±0.04`; five significant digits.
impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Uniform { low, high } if low == -high => write!(f, "U(±{})", rounded(high)),
            Self::Uniform { low, high } => write!(f, "U({}, {})", rounded(low), rounded(high)),
            Self::Normal { mean, std } => write!(f, "N({}, {})", rounded(mean), rounded(std)),
            Self::TruncatedNormal {
                mean,
                std,
                low,
                high,
            } => {
                write!(f, "N({}, {}) in ", rounded(mean), rounded(std))?;
                match low == -high {
                    true => write!(f, "±{}", rounded(high)),
                    false => write!(f, "[{}, {}]", rounded(low), rounded(high)),
                }
            }
        }
    }
}
