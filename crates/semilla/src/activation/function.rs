//! A function of one variable: a well-known activation or a closure.

use std::fmt;

use super::catalogue::Activation;
use super::detect;
use super::error::ExpectationError;
use super::quadrature::{Features, Fineness};

/// The step of numerical derivatives, as a part of the function's finest detail.
const STEP: f64 = 1.0 / 64.0;
/// The same for a noisy function, whose noise the step divides.
const NOISY_STEP: f64 = 1.0 / 32.0;
/// The same where values of one side only serve.
const ONE_SIDED_STEP: f64 = 1.0 / 256.0;

/// An activation function to take expectations of: a well-known [`Activation`] or a closure.
///
/// A closure may have kinks and jumps; [`Function::new`] finds those within [-128, 128]. Without
/// a derivative, one is taken numerically on each smooth piece. Every result carries or has
/// passed an error estimate, from panels half as wide, derivative steps half as long and the
/// parts of the tails that are cut.
pub struct Function<'a> {
    pub(super) value: Box<dyn Fn(f64) -> f64 + 'a>,
    pub(super) derivative: Option<Box<dyn Fn(f64) -> f64 + 'a>>,
    pub(super) features: Features,
    /// The well-known activation that this is, whose results are kept.
    pub(super) activation: Option<Activation>,
}

impl From<Activation> for Function<'static> {
    fn from(activation: Activation) -> Self {
        let features = Features {
            kinks: activation.kinks(),
            scale: 1.0,
            noisy: false,
            reach: activation.reach(),
        };
        Function {
            value: Box::new(move |x| activation.value(x)),
            derivative: Some(Box::new(move |x| activation.derivative(x))),
            features,
            activation: Some(activation),
        }
    }
}

impl fmt::Debug for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

impl<'a> Function<'a> {
    /// A function given by its values. Evaluates `value` ten thousand times to find its kinks, some
    /// million times if it varies fast; it must give the same result for the same argument.
    /// Rounding noise, as of `f32` arithmetic, does no harm.
    ///
    /// # Errors
    /// [`ExpectationError::TooManyKinks`] for a function that is rough in more than 256 places
    /// within [-10, 10]. Farther out the search just ends at such a place; an expectation for which
    /// that matters is then [`ExpectationError::NotConverged`].
    pub fn new(value: impl Fn(f64) -> f64 + 'a) -> Result<Self, ExpectationError> {
        let features = detect::features(&value)?;
        Ok(Function {
            value: Box::new(value),
            derivative: None,
            features,
            activation: None,
        })
    }

    /// A function given by its values and its derivative, which kinks and jumps do not enter.
    ///
    /// # Errors
    /// As [`Function::new`].
    pub fn with_derivative(
        value: impl Fn(f64) -> f64 + 'a,
        derivative: impl Fn(f64) -> f64 + 'a,
    ) -> Result<Self, ExpectationError> {
        let function = Function::new(value)?;
        Ok(Function {
            derivative: Some(Box::new(derivative)),
            ..function
        })
    }

    /// `f(x)` and `f'(x)`.
    pub fn at(&self, x: f64) -> [f64; 2] {
        [self.value(x), self.slope(x, Fineness::Normal)]
    }

    /// The places where the function or a derivative jumps, ascending.
    pub fn kinks(&self) -> &[f64] {
        &self.features.kinks
    }

    /// A place where the function itself jumps, if there is one.
    pub(super) fn jump(&self) -> Option<f64> {
        const APART: f64 = 1e-9;
        self.features.kinks.iter().copied().find(|k| {
            let step = APART * k.abs().max(1.0);
            let (below, above) = (self.value(k - step), self.value(k + step));
            let size = self.value(k - 1.0).abs() + self.value(k + 1.0).abs();
            (above - below).abs() > 1e3 * APART * (below.abs() + above.abs() + size)
        })
    }

    /// `f'` just below and just above 0.
    pub(super) fn slopes_at_zero(&self) -> [f64; 2] {
        [-1.0, 1.0].map(|side| match &self.derivative {
            Some(derivative) => derivative(side * f64::MIN_POSITIVE),
            None => self.one_sided_slope_at_zero(side),
        })
    }

    /// Forward differences of sixth order, away from a kink that may be at 0.
    fn one_sided_slope_at_zero(&self, side: f64) -> f64 {
        const WEIGHTS: [f64; 6] = [6.0, -7.5, 20.0 / 3.0, -3.75, 1.2, -1.0 / 6.0];
        let step = side * ONE_SIDED_STEP * self.features.scale;
        let rise = |(k, weight): (usize, &f64)| {
            weight * (self.value(step * (k + 1) as f64) - self.value(0.0))
        };
        WEIGHTS.iter().enumerate().map(rise).sum::<f64>() / step
    }

    pub(super) fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }

    pub(super) fn slope(&self, x: f64, fineness: Fineness) -> f64 {
        match &self.derivative {
            Some(derivative) => derivative(x),
            None => self.numerical_slope(x, fineness),
        }
    }

    /// Central differences of eighth order that stay on the smooth piece around `x`.
    fn numerical_slope(&self, x: f64, fineness: Fineness) -> f64 {
        const WEIGHTS: [f64; 4] = [4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0];
        let widest = self.features.scale
            * if self.features.noisy {
                NOISY_STEP
            } else {
                STEP
            };
        let step = match fineness {
            Fineness::Coarse | Fineness::Normal => widest,
            Fineness::Double => 0.5 * widest,
        };
        let kinks = &self.features.kinks;
        let after = kinks.partition_point(|k| *k < x);
        let nearby = kinks[after.saturating_sub(1)..].iter().take(2);
        let room = nearby.fold(f64::INFINITY, |room, k| room.min((k - x).abs()));
        let step = step.min(room / (WEIGHTS.len() + 1) as f64);
        if step == 0.0 {
            return 0.0;
        }
        let difference = |(k, weight): (usize, &f64)| {
            let reach = step * (k + 1) as f64;
            weight * (self.value(x + reach) - self.value(x - reach))
        };
        WEIGHTS.iter().enumerate().map(difference).sum::<f64>() / step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_told_from_kinks() {
        use Activation::*;
        for activation in Activation::all() {
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            let jumps = matches!(activation, Sign | Step | Hardshrink { .. });
            assert_eq!(
                Function::from(activation).jump().is_some(),
                jumps,
                "{activation}"
            );
            assert_eq!(closure.jump().is_some(), jumps, "{activation}");
        }
    }
}
