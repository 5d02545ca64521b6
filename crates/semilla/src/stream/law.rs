//! The three laws that elements are drawn from, with their parameters made ready once.

use super::math;
use crate::gaussian;

/// A law's parameters in the precision that draws it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Law<F> {
    Uniform {
        low: F,
        /// The interval's width over the number of values that a word is cut to.
        step: F,
        /// The largest value below `high`: the interval is half open.
        below_high: F,
    },
    Normal {
        mean: F,
        std: F,
    },
    TruncatedNormal(Truncated<F>),
}

impl Law<f32> {
    fn uniform(low: f32, high: f32) -> Self {
        let below_high = if high > low { high.next_down() } else { high };
        Self::Uniform {
            low,
            step: (high - low) * math::TWO_POW_MINUS_24,
            below_high,
        }
    }
}

impl Law<f64> {
    pub(crate) fn uniform(low: f64, high: f64) -> Self {
        let below_high = if high > low { high.next_down() } else { high };
        Self::Uniform {
            low,
            step: (high - low) * math::TWO_POW_MINUS_53,
            below_high,
        }
    }

    /// The same law, drawn in `f32`.
    pub(crate) fn to_f32(self) -> Law<f32> {
        match self {
            Self::Uniform {
                low, below_high, ..
            } => Law::<f32>::uniform(low as f32, below_high.next_up() as f32),
            Self::Normal { mean, std } => Law::Normal {
                mean: mean as f32,
                std: std as f32,
            },
            Self::TruncatedNormal(law) => Law::TruncatedNormal(law.to_f32()),
        }
    }
}

/// A normal law cut to an interval, drawn by its quantile function: no rejection, exact bounds.
///
/// Near the median the quantile is a function of q = p - ½, in a tail of the tail's probability, so
/// that neither loses digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truncated<F> {
    pub(crate) mean: F,
    pub(crate) std: F,
    /// The interval's ends.
    pub(crate) low: F,
    pub(crate) high: F,
    /// (Φ(a) + Φ(b)) / 2 - ½ for the ends a, b in units of std.
    pub(crate) centre: F,
    /// Φ(b) - Φ(a).
    pub(crate) mass: F,
    /// Φ(a): the probability below the interval.
    pub(crate) below: F,
    /// Φ(-b): the probability above it.
    pub(crate) above: F,
}

impl Truncated<f64> {
    /// `None` when the interval holds less than 1e-25 of the normal's mass.
    pub(crate) fn new(mean: f64, std: f64, low: f64, high: f64) -> Option<Self> {
        let (a, b) = ((low - mean) / std, (high - mean) / std);
        let (below, above) = (gaussian::cdf(a), gaussian::cdf(-b));
        // Φ(b) - Φ(a) from the tail where it does not cancel.
        let mass = if a > 0.0 {
            gaussian::cdf(-a) - above
        } else {
            gaussian::cdf(b) - below
        };
        let centre = (below - above) / 2.0;
        (mass >= 1e-25).then_some(Self {
            mean,
            std,
            low,
            high,
            centre,
            mass,
            below,
            above,
        })
    }

    fn to_f32(self) -> Truncated<f32> {
        Truncated {
            mean: self.mean as f32,
            std: self.std as f32,
            low: self.low as f32,
            high: self.high as f32,
            centre: self.centre as f32,
            mass: self.mass as f32,
            below: self.below as f32,
            above: self.above as f32,
        }
    }

    pub(crate) fn value(&self, word: u64) -> f64 {
        let q = math::centred_unit_f64(word).mul_add(self.mass, self.centre);
        let z = if q.abs() <= math::CENTRAL64 {
            math::central_quantile_f64(q)
        } else if q < 0.0 {
            -math::tail_quantile_f64(math::open_unit_f64(word).mul_add(self.mass, self.below))
        } else {
            math::tail_quantile_f64(math::open_unit_f64(!word).mul_add(self.mass, self.above))
        };
        math::clamp(z.mul_add(self.std, self.mean), self.low, self.high)
    }
}

impl Truncated<f32> {
    pub(crate) fn value(&self, word: u32) -> f32 {
        let q = math::centred_unit(word).mul_add(self.mass, self.centre);
        let z = if q.abs() <= math::CENTRAL {
            math::central_quantile(q)
        } else if q < 0.0 {
            -math::tail_quantile(math::open_unit(word).mul_add(self.mass, self.below))
        } else {
            math::tail_quantile(math::open_unit(!word).mul_add(self.mass, self.above))
        };
        math::clamp(z.mul_add(self.std, self.mean), self.low, self.high)
    }
}
