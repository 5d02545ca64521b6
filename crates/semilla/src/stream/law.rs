//! The three laws that elements are drawn from, with their parameters made ready once.

use super::math;
use crate::gaussian;

/// A law's parameters in the precision that draws it: all that turns words into values (section 4
/// of the specification).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law<F> {
    /// Uniform on an interval.
    Uniform {
        /// The least value.
        low: F,
        /// The interval's width over the number of values that a word is cut to.
        step: F,
        /// The largest value below `high`: the interval is half open.
        below_high: F,
    },
    /// Normal.
    Normal {
        /// The mean.
        mean: F,
        /// The standard deviation.
        std: F,
    },
    /// Normal, cut to an interval that leaves something out.
    TruncatedNormal(Truncated<F>),
}

impl<F: Copy> Law<F> {
    /// The same numbers in another type.
    pub(crate) fn map<G>(self, to: impl Fn(F) -> G) -> Law<G> {
        match self {
            Self::Uniform {
                low,
                step,
                below_high,
            } => Law::Uniform {
                low: to(low),
                step: to(step),
                below_high: to(below_high),
            },
            Self::Normal { mean, std } => Law::Normal {
                mean: to(mean),
                std: to(std),
            },
            Self::TruncatedNormal(law) => Law::TruncatedNormal(law.map(to)),
        }
    }
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
            law => law.map(|number| number as f32),
        }
    }
}

/// A normal law cut to an interval, drawn by its quantile function: no rejection, exact bounds.
///
/// Near the median the quantile is a function of q = p - ½, in a tail of the tail's probability, so
/// that neither loses digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncated<F> {
    /// The mean of the uncut normal.
    pub mean: F,
    /// The standard deviation of the uncut normal.
    pub std: F,
    /// The least value.
    pub low: F,
    /// The greatest value.
    pub high: F,
    /// (Φ(a) + Φ(b)) / 2 - ½ for the ends a, b in units of std.
    pub centre: F,
    /// Φ(b) - Φ(a).
    pub mass: F,
    /// Φ(a): the probability below the interval.
    pub below: F,
    /// Φ(-b): the probability above it.
    pub above: F,
}

impl<F: Copy> Truncated<F> {
    fn map<G>(self, to: impl Fn(F) -> G) -> Truncated<G> {
        Truncated {
            mean: to(self.mean),
            std: to(self.std),
            low: to(self.low),
            high: to(self.high),
            centre: to(self.centre),
            mass: to(self.mass),
            below: to(self.below),
            above: to(self.above),
        }
    }
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
