//! Where the variance of pre-activations comes to rest, and whether it stays there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A slope this close to 1 is 1.
pub(super) const NEUTRAL: f64 = 1e-9;

/// A pre-activation variance that the layers keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedPoint {
    /// The variance, `q*`.
    pub q: f64,
    /// `χ₁ = σ_w² E f'²`: the factor on squared gradients per layer, going back. Below 1 they
    /// vanish ("ordered"), above 1 they explode ("chaotic").
    pub chi1: f64,
    /// `V'(q*)`: the factor on a small error of the variance per layer.
    pub slope: f64,
}

/// The fate of a small error of the variance at a fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    /// It dies out: `|V'| < 1`.
    Stable,
    /// It stays: `V' = 1`, as for every member of the ReLU family.
    Neutral,
    /// It grows: `|V'| > 1`, as for GELU and SiLU at their variance-preserving gains.
    Unstable,
}

/// Where the pre-activation variance goes, layer after layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Below 1e-9 with no fixed point on the way: the signal dies.
    Zero,
    /// To a fixed point, or it stands on one.
    Fixed(FixedPoint),
    /// Above 1e6 with no fixed point on the way: the signal explodes.
    Infinity,
}

impl FixedPoint {
    /// The fate of a small error of the variance.
    pub fn stability(&self) -> Stability {
        let slope = self.slope.abs();
        if (slope - 1.0).abs() <= NEUTRAL {
            Stability::Neutral
        } else if slope < 1.0 {
            Stability::Stable
        } else {
            Stability::Unstable
        }
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stability::Stable => "stable",
            Stability::Neutral => "neutral",
            Stability::Unstable => "unstable",
        })
    }
}

impl fmt::Display for FixedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FixedPoint { q, chi1, slope } = self;
        write!(
            f,
            "{} q* = {q:.6} (χ₁ = {chi1:.4}, V' = {slope:.3})",
            self.stability()
        )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Zero => f.write_str("the signal dies"),
            Limit::Fixed(point) => point.fmt(f),
            Limit::Infinity => f.write_str("the signal explodes"),
        }
    }
}
