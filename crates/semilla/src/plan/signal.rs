//! The theory of a line's gain.

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Function, Limit, Stability};

/// The fate of signals in a deep stack of layers like this one, by mean-field theory (Poole et al.
/// 2016; Schoenholz et al. 2017): a gain that keeps the variance need not be critical. What happens
/// in the stack that it lies in says [`Stack`](super::Stack).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The activation after the layer.
    pub activation: Activation,
    /// The forward gain, std · √fan_in.
    pub gain: f64,
    /// The factor on squared gradients per layer at unit variance.
    pub chi1: f64,
    /// Where the variance goes.
    pub variance: Variance,
}

/// Where the pre-activation variance goes from 1, layer after layer. Of gradients it says nothing:
/// a stable variance beside a χ₁ above 1 means that gradients explode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// To 0: the signal dies.
    Vanishes,
    /// Beyond all bounds.
    Explodes,
    /// To a fixed point that returns from small errors.
    Stable,
    /// It stays where it is, errors included, as with ReLU and its gain √2.
    Neutral,
    /// It is on a fixed point from which small errors grow, as with GELU and SiLU at their
    /// exact gains.
    Unstable,
}

impl Signal {
    /// The theory at a gain; `None` where the moments do not exist.
    pub fn new(activation: Activation, gain: f64) -> Option<Self> {
        let report = Function::from(activation).gain(gain).ok()?;
        let variance = match report.limit? {
            Limit::Zero => Variance::Vanishes,
            Limit::Infinity => Variance::Explodes,
            Limit::Fixed(point) => match point.stability() {
                Stability::Stable => Variance::Stable,
                Stability::Neutral => Variance::Neutral,
                Stability::Unstable => Variance::Unstable,
            },
        };
        Some(Self {
            activation,
            gain,
            chi1: report.chi1,
            variance,
        })
    }
}
