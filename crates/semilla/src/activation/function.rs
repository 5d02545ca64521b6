//! A function of one variable and its Gaussian moments.

use std::fmt;

use super::catalogue::Activation;
use super::detect;
use super::quadrature::{self, Features, Fineness, REACH, Sum};
use crate::gaussian;

/// An expectation with a larger relative error than this is an error, not a number.
const WORST_ERROR: f64 = 1e-6;
/// The step of numerical derivatives, as a part of the function's finest detail.
const STEP: f64 = 1.0 / 64.0;

/// An activation function to take expectations of: a well-known [`Activation`] or a closure.
///
/// A closure may have kinks and jumps; [`Function::new`] finds those within [-128, 128]. Without
/// a derivative, one is taken numerically on each smooth piece. Every result carries or has
/// passed an error estimate, from panels half as wide, derivative steps half as long and the
/// parts of the tails that are cut.
pub struct Function<'a> {
    value: Box<dyn Fn(f64) -> f64 + 'a>,
    derivative: Option<Box<dyn Fn(f64) -> f64 + 'a>>,
    features: Features,
}

/// A number obtained by quadrature, and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// An estimate of its absolute error.
    pub error: f64,
}

/// What a function makes of a normal input x: the moments of f(x) and of f'(x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// `E f`.
    pub mean: f64,
    /// `E f²`, the second moment that the forward pass carries on.
    pub square: f64,
    /// `E f'²`, the factor on squared gradients in the backward pass.
    pub derivative_square: f64,
    /// The largest of the three error estimates, each relative to the expectation of the absolute
    /// value: of the mean, relative to `E |f|`.
    pub error: f64,
}

impl Moments {
    /// `Var f = E f² - (E f)²`.
    pub fn variance(&self) -> f64 {
        (self.square - self.mean * self.mean).max(0.0)
    }
}

/// An expectation over a normal input that cannot be given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExpectationError {
    /// An argument is outside what it can be.
    #[error("{what} is {value}; it must be {allowed}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// What was given.
        value: f64,
        /// What may be.
        allowed: &'static str,
    },
    /// The function, or its square, overflows or is not a number.
    #[error(
        "the function or its square is not finite under inputs of mean {mean} and variance \
         {variance}: it grows too fast for any gain; bound it, or take a smaller variance"
    )]
    NotFinite {
        /// The inputs' mean.
        mean: f64,
        /// The inputs' variance.
        variance: f64,
    },
    /// The quadrature did not settle: the expectation may be infinite, or the function has more
    /// detail than the panels.
    #[error(
        "the expectation under inputs of mean {mean} and variance {variance} is uncertain by a \
         part of {error:.1e}: it may diverge, or the function oscillates too fast; take a smaller \
         variance, or a smoother function"
    )]
    NotConverged {
        /// The inputs' mean.
        mean: f64,
        /// The inputs' variance.
        variance: f64,
        /// The relative error estimate.
        error: f64,
    },
    /// The closure is rough everywhere, or a very fine staircase.
    #[error(
        "the function has more than {limit} kinks or jumps (one near {near}); \
         declare a smoother one"
    )]
    TooManyKinks {
        /// The most kinks that a function may have.
        limit: usize,
        /// Where the last one was found.
        near: f64,
    },
    /// A gain divides by this moment, and it is 0.
    #[error(
        "{moment} is 0, so no gain can preserve it: the function is constant where inputs fall"
    )]
    Vanishes {
        /// The moment that is 0.
        moment: &'static str,
    },
    /// No point of the edge of chaos has this bias.
    #[error(
        "no edge of chaos at bias deviation {bias_std} with a variance between 1e-9 and 1e6; take \
         another bias (where f(0) = 0 and f'(0) ≠ 0, the edge at bias 0 is the limit of variance \
         0, with weight deviation 1/|f'(0)|)"
    )]
    NoEdge {
        /// The standard deviation of the biases.
        bias_std: f64,
    },
}

impl From<Activation> for Function<'static> {
    fn from(activation: Activation) -> Self {
        let features = Features {
            kinks: activation.kinks(),
            scale: 1.0,
        };
        Function {
            value: Box::new(move |x| activation.value(x)),
            derivative: Some(Box::new(move |x| activation.derivative(x))),
            features,
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
    /// A function given by its values. Evaluates `value` some ten thousand times to find its
    /// kinks; it must give the same result for the same argument.
    ///
    /// # Errors
    /// [`ExpectationError::TooManyKinks`] for a function that is rough in more than 256 places.
    pub fn new(value: impl Fn(f64) -> f64 + 'a) -> Result<Self, ExpectationError> {
        let features = detect::features(&value)?;
        Ok(Function {
            value: Box::new(value),
            derivative: None,
            features,
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

    /// The places where the function or a derivative jumps, ascending.
    pub fn kinks(&self) -> &[f64] {
        &self.features.kinks
    }

    /// `E f(x)` for `x ~ N(mean, variance)`.
    ///
    /// # Errors
    /// The variance is negative or not finite, or the expectation is not to be had to six digits.
    pub fn expectation(&self, mean: f64, variance: f64) -> Result<Estimate, ExpectationError> {
        let ([estimate], _) = self.estimates(mean, variance, |x, _, _| [self.value(x)])?;
        Ok(estimate)
    }

    /// `E f`, `E f²` and `E f'²` for `x ~ N(mean, variance)`.
    ///
    /// # Errors
    /// As [`Function::expectation`].
    pub fn moments(&self, mean: f64, variance: f64) -> Result<Moments, ExpectationError> {
        let (estimates, error) = self.estimates(mean, variance, |x, _, fineness| {
            let (value, slope) = (self.value(x), self.slope(x, fineness));
            [value, value * value, slope * slope]
        })?;
        let [mean, square, derivative_square] = estimates.map(|estimate| estimate.value);
        Ok(Moments {
            mean,
            square,
            derivative_square,
            error,
        })
    }

    /// `E f²` for `x ~ N(0, q)` and its derivative by q.
    ///
    /// The derivative is `E[f² (z² - 1)] / 2q` by Stein's identity: right for jumps too.
    pub(super) fn length(&self, q: f64) -> Result<(f64, f64), ExpectationError> {
        let ([square, bent], _) = self.estimates(0.0, q, |x, z, _| {
            let value = self.value(x);
            [value * value, value * value * (z * z - 1.0)]
        })?;
        Ok((square.value, bent.value / (2.0 * q)))
    }

    /// `E f(u) f(v)` for u, v normal with variance q and correlation c.
    pub(super) fn product(&self, q: f64, c: f64) -> f64 {
        let value = |x| self.value(x);
        quadrature::correlated_expectation(&self.features, q.sqrt(), c, value)
    }

    /// `E f'(u) f'(v)` for u, v normal with variance q and correlation c.
    pub(super) fn slope_product(&self, q: f64, c: f64) -> f64 {
        let slope = |x| self.slope(x, Fineness::Normal);
        quadrature::correlated_expectation(&self.features, q.sqrt(), c, slope)
    }

    fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }

    fn slope(&self, x: f64, fineness: Fineness) -> f64 {
        match &self.derivative {
            Some(derivative) => derivative(x),
            None => self.numerical_slope(x, fineness),
        }
    }

    /// Central differences of eighth order that stay on the smooth piece around `x`.
    fn numerical_slope(&self, x: f64, fineness: Fineness) -> f64 {
        const WEIGHTS: [f64; 4] = [4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0];
        let step = match fineness {
            Fineness::Normal => STEP * self.features.scale,
            Fineness::Double => 0.5 * STEP * self.features.scale,
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

    /// Expectations of `g(x, z, fineness)` for `x = mean + √variance · z`, checked against the
    /// finer rule, and the largest of their errors relative to `E |g|`.
    fn estimates<const N: usize>(
        &self,
        mean: f64,
        variance: f64,
        g: impl Fn(f64, f64, Fineness) -> [f64; N],
    ) -> Result<([Estimate; N], f64), ExpectationError> {
        check("mean", mean, mean.is_finite(), "finite")?;
        let valid = variance.is_finite() && variance >= 0.0;
        check("variance", variance, valid, "finite and not negative")?;
        let sd = variance.sqrt();
        let at = |z: f64, fineness| g(sd.mul_add(z, mean), z, fineness);
        let run = |fineness| match sd {
            0.0 => at(0.0, fineness).map(|value| Sum {
                value,
                size: value.abs(),
            }),
            _ => quadrature::expectation(&self.features, (mean, sd), fineness, |z| at(z, fineness)),
        };
        let (normal, double) = (run(Fineness::Normal), run(Fineness::Double));
        let (low, high) = (at(-REACH, Fineness::Normal), at(REACH, Fineness::Normal));
        let estimates: [Estimate; N] = std::array::from_fn(|i| Estimate {
            value: normal[i].value,
            error: (normal[i].value - double[i].value).abs()
                + gaussian::pdf(REACH) * (low[i].abs() + high[i].abs()),
        });
        if estimates
            .iter()
            .any(|e| !e.value.is_finite() || !e.error.is_finite())
        {
            return Err(ExpectationError::NotFinite { mean, variance });
        }
        let relative = |(e, sum): (&Estimate, &Sum)| {
            if e.error > 0.0 {
                e.error / sum.size
            } else {
                0.0
            }
        };
        let error = estimates
            .iter()
            .zip(&normal)
            .map(relative)
            .fold(0.0, f64::max);
        if error > WORST_ERROR {
            return Err(ExpectationError::NotConverged {
                mean,
                variance,
                error,
            });
        }
        Ok((estimates, error))
    }
}

pub(super) fn check(
    what: &'static str,
    value: f64,
    valid: bool,
    allowed: &'static str,
) -> Result<(), ExpectationError> {
    if valid {
        Ok(())
    } else {
        Err(ExpectationError::Argument {
            what,
            value,
            allowed,
        })
    }
}
