//! Gaussian moments of a function.

use serde::{Deserialize, Serialize};

use super::error::{ExpectationError, check};
use super::function::Function;
use super::memory::{Key, Memory};
use super::quadrature::{self, Fineness, REACH, Sum};
use crate::gaussian;

/// An expectation with a larger relative error than this is an error, not a number.
const WORST_ERROR: f64 = 1e-6;
/// The part of `1 + E x²` below which an expectation is as good as 0 and its digits do not matter.
const NEGLIGIBLE: f64 = 1e-12;

/// An expectation, or why there is none.
type Expected<T> = Result<T, ExpectationError>;

static MOMENTS: Memory<Expected<Moments>> = Memory::new();
static SQUARES: Memory<Expected<(f64, f64)>> = Memory::new();

/// A number obtained by quadrature, and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// An estimate of its absolute error.
    pub error: f64,
}

/// The moments of f(x) and of f'(x) for a normal input x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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

impl Function<'_> {
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
        self.recall(&MOMENTS, (mean, variance), || {
            self.compute_moments(mean, variance)
        })
    }

    fn compute_moments(&self, mean: f64, variance: f64) -> Expected<Moments> {
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
    pub(super) fn square_and_slope(&self, q: f64) -> Expected<(f64, f64)> {
        self.recall(&SQUARES, (0.0, q), || self.compute_square_and_slope(q))
    }

    fn compute_square_and_slope(&self, q: f64) -> Expected<(f64, f64)> {
        let ([square, bent], _) = self.estimates(0.0, q, |x, z, _| {
            let value = self.value(x);
            [value * value, value * value * (z * z - 1.0)]
        })?;
        Ok((square.value, bent.value / (2.0 * q)))
    }

    /// The result for inputs of this mean and variance, computed once for a known activation.
    fn recall<T: Clone>(
        &self,
        memory: &Memory<Expected<T>>,
        (mean, variance): (f64, f64),
        compute: impl FnOnce() -> Expected<T>,
    ) -> Expected<T> {
        match self.activation {
            Some(activation) => memory.recall(Key::new(activation, mean, variance), compute),
            None => compute(),
        }
    }

    /// `E f(u) f(v)` for u, v normal with variance q and correlation c.
    pub(super) fn product(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        self.correlated(q, c, |x| self.value(x))
    }

    /// `E f'(u) f'(v)` for u, v normal with variance q and correlation c.
    pub(super) fn slope_product(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        self.correlated(q, c, |x| self.slope(x, Fineness::Double))
    }

    fn correlated(&self, q: f64, c: f64, g: impl Fn(f64) -> f64) -> Result<f64, ExpectationError> {
        let product = quadrature::correlated_expectation(&self.features, q.sqrt(), c, g);
        let finite = product.is_finite().then_some(product);
        finite.ok_or(ExpectationError::NotFinite {
            mean: 0.0,
            variance: q,
        })
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
            value: double[i].value,
            error: (normal[i].value - double[i].value).abs()
                + gaussian::pdf(REACH) * (low[i].abs() + high[i].abs()),
        });
        if estimates
            .iter()
            .any(|e| !e.value.is_finite() || !e.error.is_finite())
        {
            return Err(ExpectationError::NotFinite { mean, variance });
        }
        let largest_error = |floor: f64| {
            let relative = |(e, sum): (&Estimate, &Sum)| match e.error {
                0.0 => 0.0,
                error => error / (sum.size + floor),
            };
            estimates
                .iter()
                .zip(&double)
                .map(relative)
                .fold(0.0, f64::max)
        };
        let error = largest_error(NEGLIGIBLE * (1.0 + mean * mean + variance));
        if error > WORST_ERROR {
            return Err(ExpectationError::NotConverged {
                mean,
                variance,
                error,
            });
        }
        Ok((estimates, largest_error(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;
    use std::fmt;

    use super::super::catalogue::Activation;
    use super::*;

    fn moments(activation: Activation, q: f64) -> Moments {
        Function::from(activation).moments(0.0, q).unwrap()
    }

    fn assert_near(got: f64, want: f64, tolerance: f64, what: impl fmt::Display) {
        let bound = tolerance * want.abs().max(1e-3);
        assert!((got - want).abs() <= bound, "{what}: {got:e}, not {want:e}");
    }

    /// Closed forms of `E f²` and `E f'²`.
    #[test]
    fn second_moments_match_their_closed_forms() {
        use Activation::*;
        for q in [1e-3, 0.3, 1.0, 10.0, 100.0f64] {
            let erf_slope = 4.0 / PI / ((1.0 + 2.0 * q) * (1.0 + 2.0 * q) - 4.0 * q * q).sqrt();
            let gelu = libm::asin(q / (1.0 + q)) / (2.0 * PI)
                + q / (PI * (1.0 + q) * (1.0 + 2.0 * q).sqrt());
            let decay = libm::exp(-2.0 * q);
            let leaky = |a: f64| (1.0 + a * a) / 2.0;
            for (activation, square, slope) in [
                (Linear, q, 1.0),
                (Relu, q / 2.0, 0.5),
                (LeakyRelu { slope: 0.2 }, leaky(0.2) * q, leaky(0.2)),
                (Abs, q, 1.0),
                (Relu2, 1.5 * q * q, 2.0 * q),
                (
                    Erf,
                    2.0 / PI * libm::asin(2.0 * q / (1.0 + 2.0 * q)),
                    erf_slope,
                ),
                (Gelu, q * (0.25 + gelu), f64::NAN),
                (Sin, -0.5 * libm::expm1(-2.0 * q), (1.0 + decay) / 2.0),
                (Cos, (1.0 + decay) / 2.0, -0.5 * libm::expm1(-2.0 * q)),
                (Gaussian, 1.0 / (1.0 + 4.0 * q).sqrt(), f64::NAN),
                (Sign, 1.0, 0.0),
                (Step, 0.5, 0.0),
            ] {
                let got = moments(activation, q);
                let what = format!("{activation} at {q}");
                assert_near(got.square / square, 1.0, 3e-14, &what);
                if slope.is_finite() {
                    assert_near(got.derivative_square, slope, 3e-14, &what);
                }
                assert!(got.error < 1e-12, "{what}: {}", got.error);
            }
        }
        assert_near(moments(Exp, 1.0).square, libm::exp(2.0), 1e-13, "exp");
    }

    /// The moments and gains of the mean-field literature to every printed digit:
    /// activation, `E f`, `E f²`, `E f'²`.
    #[test]
    fn tabulated_moments() {
        use Activation::*;
        for (activation, mean, square, slope) in [
            (Relu, 0.398942, 0.5, 0.5),
            (LeakyRelu { slope: 0.01 }, 0.394953, 0.50005, 0.50005),
            (LeakyRelu { slope: 0.2 }, 0.319154, 0.52, 0.52),
            (Tanh, 0.0, 0.39429449, 0.46440290),
            (Erf, 0.0, 0.46455905, 0.56941003),
            (Sigmoid, 0.5, 0.29337904, 0.04483624),
            (Selu, 0.0, 1.0, 1.07157499),
            (Gelu, 0.282095, 0.42522148, 0.45585087),
            (Silu, 0.206621, 0.35577552, 0.37948235),
            (Softplus, 0.806059, 0.92124591, 0.29337904),
            (Softsign, 0.0, 0.18301402, 0.22767134),
            (Hardtanh, 0.0, 0.51605855, 0.68268949),
            (Sin, 0.0, 0.43233236, 0.56766764),
            (Arctan, 0.0, 0.44970092, 0.5),
            (Relu2, 0.5, 1.5, 2.0),
        ] {
            let got = moments(activation, 1.0);
            assert!((got.mean - mean).abs() < 0.6e-6, "{activation} {got:?}");
            assert!((got.square - square).abs() < 0.6e-8, "{activation} {got:?}");
            assert!(
                (got.derivative_square - slope).abs() < 0.6e-8,
                "{activation} {got:?}"
            );
        }
    }

    #[test]
    fn selu_keeps_zero_mean_and_unit_variance() {
        let got = moments(Activation::Selu, 1.0);
        assert!(
            got.mean.abs() < 1e-15 && (got.square - 1.0).abs() < 2e-15,
            "{got:?}"
        );
    }

    /// The largest mean of Klambauer et al.'s domain, on the corner (0.1, 1.5), and back home.
    #[test]
    fn selu_draws_other_means_and_variances_to_its_fixed_point() {
        let selu = Function::from(Activation::Selu);
        let (mut mean, mut variance) = (0.1, 1.5);
        for _ in 0..30 {
            let out = selu.moments(mean * 0.1, variance).unwrap();
            (mean, variance) = (out.mean, out.variance());
            assert!((-0.03106..0.06773).contains(&mean) && (0.80009..1.48617).contains(&variance));
        }
        assert!(
            mean.abs() < 1e-3 && (variance - 1.0).abs() < 1e-3,
            "{mean} {variance}"
        );
    }

    #[test]
    fn closures_agree_with_the_built_in_activations() {
        for activation in Activation::all() {
            let known = Function::from(activation);
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            for (mean, variance) in [(0.0, 1.0), (0.7, 0.3), (-1.0, 4.0), (0.0, 0.01)] {
                let want = known.moments(mean, variance).unwrap();
                let got = closure.moments(mean, variance).unwrap();
                let what = format!("{activation} ({mean}, {variance}) {got:?} {want:?}");
                let bound = |size: f64| (got.error + want.error + 4e-15) * size;
                assert!(got.error < 1e-8, "{what}");
                let (size, slope) = (want.square.sqrt(), want.derivative_square);
                assert!((got.mean - want.mean).abs() <= bound(size), "{what}");
                assert!(
                    (got.square - want.square).abs() <= bound(want.square),
                    "{what}"
                );
                assert!(
                    (got.derivative_square - slope).abs() <= bound(slope),
                    "{what}"
                );
            }
        }
    }

    #[test]
    fn estimates_cover_functions_with_fine_detail() {
        let wave = |rate: f64| Function::new(move |x| libm::sin(rate * x)).unwrap();
        for rate in [3.0, 30.0] {
            let got = wave(rate).moments(0.0, 1.0).unwrap();
            let slope = rate * rate * (1.0 + libm::exp(-2.0 * rate * rate)) / 2.0;
            assert_near(got.derivative_square, slope, got.error + 1e-14, rate);
            assert!(got.error < 1e-9, "{got:?}");
        }
    }

    #[test]
    fn closures_in_f32_have_moments() {
        let tanh = Function::new(|x| f64::from(libm::tanhf(x as f32))).unwrap();
        let relu = Function::new(|x| f64::from((x as f32).max(0.0))).unwrap();
        for (closure, activation) in [(tanh, Activation::Tanh), (relu, Activation::Relu)] {
            let (got, want) = (closure.moments(0.0, 1.0).unwrap(), moments(activation, 1.0));
            assert_near(got.square, want.square, 1e-7, activation);
            assert_near(
                got.derivative_square,
                want.derivative_square,
                1e-6,
                activation,
            );
        }
    }

    #[test]
    fn fast_waves_have_moments() {
        let wave = Function::new(|x: f64| libm::sin(1000.0 * x)).unwrap();
        let got = wave.moments(0.0, 1.0).unwrap();
        assert_near(got.square, 0.5, 1e-9, "E sin²");
        assert_near(got.derivative_square, 5e5, 1e-6, "E cos²");
    }

    #[test]
    fn a_given_derivative_is_used() {
        let cubic = Function::with_derivative(|x| x * x * x, |x| 3.0 * x * x).unwrap();
        let got = cubic.moments(0.0, 1.0).unwrap();
        assert_near(got.square, 15.0, 1e-14, "E x⁶");
        assert_near(got.derivative_square, 27.0, 1e-14, "9 E x⁴");
        let estimate = cubic.expectation(2.0, 1.0).unwrap();
        assert!((estimate.value - 14.0).abs() <= estimate.error + 1e-13);
    }

    #[test]
    fn no_variance_is_the_value_itself() {
        let got = Function::from(Activation::Tanh).moments(0.5, 0.0).unwrap();
        assert_eq!(got.mean, libm::tanh(0.5));
        assert!(got.error < 1e-15);
    }

    #[test]
    fn diverging_and_impossible_expectations_are_errors() {
        let error = |f: Function, q: f64| f.moments(0.0, q).unwrap_err();
        let exp = || Function::from(Activation::Exp);
        assert!(matches!(
            error(exp(), 30.0),
            ExpectationError::NotConverged { .. }
        ));
        assert!(matches!(
            error(exp(), 1e6),
            ExpectationError::NotFinite { .. }
        ));
        assert!(matches!(
            error(exp(), -1.0),
            ExpectationError::Argument { .. }
        ));
        assert!(matches!(
            error(exp(), f64::NAN),
            ExpectationError::Argument { .. }
        ));
        assert!(exp().moments(f64::INFINITY, 1.0).is_err());
        let steep = Function::new(|x| libm::exp(x * x / 4.0)).unwrap();
        assert!(matches!(
            error(steep, 1.0),
            ExpectationError::NotConverged { .. }
        ));
        let nan = Function::new(|x: f64| x.sqrt()).unwrap();
        assert!(matches!(
            error(nan, 1.0),
            ExpectationError::NotFinite { .. }
        ));
    }

    proptest::proptest! {
        /// `Σ aᵢ |x - kᵢ|` at unknown places: its squared slope is a sum of normal masses.
        #[test]
        fn slopes_of_unknown_piecewise_linear_functions(
            kinks in proptest::collection::vec((-4.0..4.0f64, 0.1..3.0f64), 1..6),
            sd in 0.1..3.0f64,
        ) {
            let closure = Function::new(|x| kinks.iter().map(|(k, a)| a * (x - k).abs()).sum());
            let got = closure.unwrap().moments(0.0, sd * sd).unwrap();
            let mut places: Vec<f64> = kinks.iter().map(|(k, _)| *k).collect();
            places.extend([-1e3, 1e3]);
            places.sort_by(f64::total_cmp);
            let exact: f64 = places.windows(2).map(|p| {
                let middle = 0.5 * (p[0] + p[1]);
                let slope: f64 = kinks.iter().map(|(k, a)| a * (middle - k).signum()).sum();
                slope * slope * (gaussian::cdf(p[1] / sd) - gaussian::cdf(p[0] / sd))
            }).sum();
            let error = (got.derivative_square - exact).abs();
            proptest::prop_assert!(error <= (got.error + 1e-10) * exact, "{} {:?}", exact, got);
        }

        #[test]
        fn relu_of_a_shifted_normal(mean in -3.0..3.0f64, sd in 0.01..10.0f64) {
            let got = Function::from(Activation::Relu).moments(mean, sd * sd).unwrap();
            let t = mean / sd;
            let first = mean * gaussian::cdf(t) + sd * gaussian::pdf(t);
            proptest::prop_assert!((got.mean - first).abs() <= 1e-14 * (mean.abs() + sd));
            proptest::prop_assert!((got.derivative_square - gaussian::cdf(t)).abs() <= 1e-14);
        }
    }
}
