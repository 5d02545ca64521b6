//! Elements.

use num_traits::{Float, FloatConst, NumAssign};

use crate::lanes::Lanes;
use crate::smooth;

/// Elements that graphs run on: `f32`, or `f64`.
pub trait Real:
    Float
    + FloatConst
    + NumAssign
    + Lanes
    + std::iter::Sum
    + Default
    + Send
    + Sync
    + std::fmt::Debug
    + 'static
{
    /// The nearest element.
    fn of(value: f64) -> Self;

    /// The value as `f64`.
    fn f64(self) -> f64;

    /// The error function.
    fn erf(self) -> Self;

    /// e to this power, as `exp`, and to a few units in the last place the same.
    fn smooth_exp(self) -> Self;

    /// The hyperbolic tangent, as `tanh`, and to a few units in the last place the same.
    fn smooth_tanh(self) -> Self;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }

    fn f64(self) -> f64 {
        self.into()
    }

    fn erf(self) -> Self {
        smooth::erf(self)
    }

    fn smooth_exp(self) -> Self {
        smooth::exp(self)
    }

    fn smooth_tanh(self) -> Self {
        smooth::tanh(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn f64(self) -> f64 {
        self
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }

    fn smooth_exp(self) -> Self {
        self.exp()
    }

    fn smooth_tanh(self) -> Self {
        self.tanh()
    }
}
