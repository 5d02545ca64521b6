//! Closed forms of `E f(u) f(v)` and `E f'(u) f'(v)` for normal u and v of mean 0.
//!
//! Piecewise linear functions and the squared ReLU: Y. Cho and L. K. Saul, "Kernel Methods for
//! Deep Learning" (2009), section 2.1. The error function: C. K. I. Williams, "Computing with
//! Infinite Networks" (1996), section 3. Sines and cosines follow from the characteristic function.

use std::f64::consts::{FRAC_1_PI, FRAC_2_PI, PI};

use super::catalogue::Activation;

/// An activation with closed forms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closed {
    /// `above · x` above 0, `below · x` below.
    Lines {
        above: f64,
        below: f64,
    },
    /// `max(x, 0)²`.
    Relu2,
    Erf,
    Sin,
    Cos,
    Exp,
    Sign,
    Step,
}

impl Closed {
    pub(super) fn of(activation: Activation) -> Option<Self> {
        let lines = |above, below| Some(Closed::Lines { above, below });
        match activation {
            Activation::Linear => lines(1.0, 1.0),
            Activation::Relu => lines(1.0, 0.0),
            Activation::LeakyRelu { slope } | Activation::Prelu { slope } => lines(1.0, slope),
            Activation::Abs => lines(1.0, -1.0),
            Activation::Relu2 => Some(Closed::Relu2),
            Activation::Erf => Some(Closed::Erf),
            Activation::Sin => Some(Closed::Sin),
            Activation::Cos => Some(Closed::Cos),
            Activation::Exp => Some(Closed::Exp),
            Activation::Sign => Some(Closed::Sign),
            Activation::Step => Some(Closed::Step),
            _ => None,
        }
    }

    pub(super) fn is_homogeneous(self) -> bool {
        matches!(self, Closed::Lines { .. })
    }

    /// `E f(u) f(v)` for u and v of this variance and correlation.
    pub(super) fn product(self, variance: f64, c: f64) -> f64 {
        let c = c.clamp(-1.0, 1.0);
        let k = variance * c;
        match self {
            Closed::Lines { above, below } => {
                let bend = (above - below) * (above - below);
                variance * (bend * arc(c) / (2.0 * PI) + above * below * c)
            }
            Closed::Relu2 => {
                let (angle, sine) = (libm::acos(c), sine(c));
                let sum = 3.0 * sine * c + (PI - angle) * (1.0 + 2.0 * c * c);
                variance * variance * sum / (2.0 * PI)
            }
            Closed::Erf => FRAC_2_PI * libm::asin(2.0 * k / (1.0 + 2.0 * variance)),
            Closed::Sin => 0.5 * (libm::exp(k - variance) - libm::exp(-k - variance)),
            Closed::Cos => 0.5 * (libm::exp(k - variance) + libm::exp(-k - variance)),
            Closed::Exp => libm::exp(variance + k),
            Closed::Sign => FRAC_2_PI * libm::asin(c),
            Closed::Step => 0.25 + 0.5 * FRAC_1_PI * libm::asin(c),
        }
    }

    /// `E f'(u) f'(v)`.
    pub(super) fn slope_product(self, variance: f64, c: f64) -> f64 {
        let c = c.clamp(-1.0, 1.0);
        let k = variance * c;
        match self {
            Closed::Lines { above, below } => {
                let bend = (above - below) * (above - below);
                bend * (PI - libm::acos(c)) / (2.0 * PI) + above * below
            }
            Closed::Relu2 => 4.0 * variance * arc(c) / (2.0 * PI),
            Closed::Erf => {
                let wide = 1.0 + 2.0 * variance;
                2.0 * FRAC_2_PI / (wide * wide - 4.0 * k * k).sqrt()
            }
            Closed::Sin => Closed::Cos.product(variance, c),
            Closed::Cos => Closed::Sin.product(variance, c),
            Closed::Exp => Closed::Exp.product(variance, c),
            // The gradient that frameworks pass on.
            Closed::Sign | Closed::Step => 0.0,
        }
    }
}

/// `√(1 - c²) + (π - arccos c) c`, 2π times the product of two ReLUs.
fn arc(c: f64) -> f64 {
    sine(c) + (PI - libm::acos(c)) * c
}

fn sine(c: f64) -> f64 {
    ((1.0 - c) * (1.0 + c)).max(0.0).sqrt()
}
