//! What a function makes of two correlated normal variables, for every correlation at once.
//!
//! A function of a normal variable is a series of Hermite polynomials, and two of them of
//! correlation c have `E f(u) f(v) = Σ aₖ² cᵏ` (Mehler's formula; Daniely et al. 2016, section 4):
//! one pass over the line gives the whole curve, where a quadrature in the plane gives a point.
//! What is beyond the last coefficient has a known size and a known slope at `c = 1`, and is taken
//! for one power of that size and slope, so that both ends of the curve are exact.

use std::sync::Arc;

use super::catalogue::Activation;
use super::closed::Closed;
use super::error::{ExpectationError, check};
use super::function::Function;
use super::memory::{Key, Memory};
use super::quadrature::{Fineness, nodes};

/// Coefficients of the function and of its slope.
const ORDER: usize = 32;
/// Coefficients of their squares.
const SQUARES: usize = 16;
/// Where each expansion begins in a list of sums; the second moments of all four are before them.
const VALUE: usize = 4;
const SLOPE: usize = VALUE + ORDER;
const VALUE_SQUARES: usize = SLOPE + ORDER;
const SLOPE_SQUARES: usize = VALUE_SQUARES + SQUARES;
const SUMS: usize = SLOPE_SQUARES + SQUARES;

/// The step in ln of the variance between kept curves.
const STEP: f64 = 0.125;
/// How many of them an interpolation uses.
const POINTS: usize = 6;
/// Variances between which curves are kept; beyond, each is computed.
const KEPT: (f64, f64) = (1e-12, 1e4);

type Sums = [f64; SUMS];

static CURVES: Memory<Result<Arc<Sums>, ExpectationError>> = Memory::new();

/// What a function f makes of normal variables u and v of one mean and variance, for every
/// correlation c between them.
///
/// Of mean 0, curves of the well-known activations are interpolated between kept ones; piecewise
/// linear ones are scaled. The tests hold every well-known activation to errors of `E f(u) f(v)`
/// below 2e-4 of `E f²` between the ends, and 1e-5 at them; those with a closed form to 1e-12.
/// Functions that jump, and softshrink, which is 0 for most values, are not held to that.
#[derive(Clone, Debug)]
pub struct Curve {
    /// `E f`.
    pub mean: f64,
    /// `E f²`.
    pub square: f64,
    /// `E f'²`.
    pub slope_square: f64,
    value: Series<ORDER>,
    slope: Series<ORDER>,
    value_squares: Series<SQUARES>,
    slope_squares: Series<SQUARES>,
    /// The formulas to take instead, and the variance.
    closed: Option<(Closed, f64)>,
    /// The mean and the deviation of the normal variables.
    of: (f64, f64),
}

impl Curve {
    fn new(
        sums: &Sums,
        (mean, variance): (f64, f64),
        is_smooth: bool,
        closed: Option<Closed>,
    ) -> Self {
        let slope_square = is_smooth.then_some(variance * sums[1]);
        let part = |from: usize| &sums[from..];
        let (value, slope) = (part(VALUE), part(SLOPE));
        Self {
            mean: value[0],
            square: sums[0],
            slope_square: sums[1],
            value: Series::new(value, sums[0], slope_square),
            slope: Series::new(slope, sums[1], None),
            value_squares: Series::new(part(VALUE_SQUARES), sums[2], None),
            slope_squares: Series::new(part(SLOPE_SQUARES), sums[3], None),
            closed: closed.map(|closed| (closed, variance)),
            of: (mean, variance.sqrt()),
        }
    }

    /// `E f(u) f(v)` at correlation `c`.
    pub fn product(&self, c: f64) -> f64 {
        match self.closed {
            Some((closed, variance)) => closed.product(variance, c),
            None => self.value.at(c),
        }
    }

    /// `E f'(u) f'(v)` at correlation `c`.
    pub fn slope_product(&self, c: f64) -> f64 {
        match self.closed {
            Some((closed, variance)) => closed.slope_product(variance, c),
            None => self.slope.at(c),
        }
    }

    /// `E f(u)² f(v)²` at correlation `c`.
    pub fn square_product(&self, c: f64) -> f64 {
        self.value_squares.at(c)
    }

    /// `E f'(u)² f'(v)²` at correlation `c`.
    pub fn slope_square_product(&self, c: f64) -> f64 {
        self.slope_squares.at(c)
    }

    /// `E u f'(u) v f'(v)` at correlation `c`: what a gradient behind the function has in common
    /// with the signal before it.
    pub fn pull_product(&self, c: f64) -> f64 {
        if let Some((closed, variance)) = self.closed.filter(|(f, _)| f.is_homogeneous()) {
            // u f'(u) is f(u).
            return closed.product(variance, c);
        }
        let (mean, sd) = self.of;
        let slopes = &self.slope.coefficients;
        let at = |k: usize| slopes.get(k).copied().unwrap_or(0.0);
        // z hₖ = √k hₖ₋₁ + √(k + 1) hₖ₊₁.
        let pulls: [f64; ORDER] = std::array::from_fn(|k| {
            let below = if k == 0 { 0.0 } else { at(k - 1) };
            let turned = (k as f64).sqrt() * below + ((k + 1) as f64).sqrt() * at(k + 1);
            mean * at(k) + sd * turned
        });
        let [even, odd, second, ..] = self.slope_squares.coefficients;
        let squares = even + std::f64::consts::SQRT_2 * second;
        let square = mean * mean * even + 2.0 * mean * sd * odd + sd * sd * squares;
        Series::<ORDER>::new(&pulls, square, None).at(c)
    }

    /// `d ln E f² / d ln variance`: by how many percent the second moment follows one percent of
    /// the variance.
    pub fn elasticity(&self) -> f64 {
        self.value_squares.elasticity()
    }

    /// `d ln Var f / d ln variance`: the same of the part around the mean.
    pub fn spread_elasticity(&self) -> f64 {
        let [mean, _, second, ..] = self.value.coefficients;
        let spread = self.square - mean * mean;
        match spread > 0.0 {
            // d (E f)² = 2 E f · E f'' q/2 · d ln q, by Stein's identity √2 E f · a₂.
            true => {
                let moved = std::f64::consts::SQRT_2 * mean * second;
                (self.elasticity() * self.square - moved) / spread
            }
            false => 1.0,
        }
    }

    /// `d ln E f'² / d ln variance`.
    pub fn slope_elasticity(&self) -> f64 {
        self.slope_squares.elasticity()
    }
}

impl Function<'_> {
    /// What the function makes of normal variables of this mean and variance.
    ///
    /// # Errors
    /// The variance is negative or not finite, or an expectation is not finite.
    ///
    /// ```
    /// use semilla::activation::{Activation, Function};
    ///
    /// // Cho and Saul (2009): two orthogonal signals have the correlation 1/π after a ReLU.
    /// let curve = Function::from(Activation::Relu).curve(0.0, 1.0)?;
    /// assert!((curve.product(0.0) / curve.square - std::f64::consts::FRAC_1_PI).abs() < 1e-12);
    /// # Ok::<(), semilla::activation::ExpectationError>(())
    /// ```
    pub fn curve(&self, mean: f64, variance: f64) -> Result<Curve, ExpectationError> {
        check("mean", mean, mean.is_finite(), "finite")?;
        let valid = variance.is_finite() && variance >= 0.0;
        check("variance", variance, valid, "finite and not negative")?;
        let closed = self.activation.and_then(Closed::of).filter(|_| mean == 0.0);
        let sums = self.sums(mean, variance, closed)?;
        if sums.iter().any(|sum| !sum.is_finite()) {
            return Err(ExpectationError::NotFinite { mean, variance });
        }
        let is_smooth = self.jump().is_none();
        Ok(Curve::new(&sums, (mean, variance), is_smooth, closed))
    }

    fn sums(
        &self,
        mean: f64,
        variance: f64,
        closed: Option<Closed>,
    ) -> Result<Sums, ExpectationError> {
        let Some(activation) = self.activation else {
            return Ok(self.compute_sums(mean, variance));
        };
        let kept = |variance: f64| {
            CURVES.recall(Key::new(activation, mean, variance), || {
                Ok(Arc::new(self.compute_sums(mean, variance)))
            })
        };
        match closed {
            Some(lines) if variance > 0.0 && lines.is_homogeneous() => {
                return Ok(scaled(&*kept(1.0)?, variance));
            }
            Some(Closed::Exp) => return Ok(exponential(variance)),
            _ => {}
        }
        if mean != 0.0 || !(KEPT.0..KEPT.1).contains(&variance) {
            return Ok(*kept(variance)?);
        }
        let place = libm::log(variance) / STEP;
        let first = place.floor() - (POINTS / 2 - 1) as f64;
        let mut sums = [0.0; SUMS];
        for (point, weight) in lagrange(place - first).into_iter().enumerate() {
            let variance = libm::exp((first + point as f64) * STEP);
            for (sum, &kept) in sums.iter_mut().zip(kept(variance)?.iter()) {
                *sum += weight * kept;
            }
        }
        Ok(sums)
    }

    fn compute_sums(&self, mean: f64, variance: f64) -> Sums {
        let sd = variance.sqrt();
        let mut sums = [0.0; SUMS];
        let mut add = |z: f64, mass: f64| {
            let x = sd.mul_add(z, mean);
            let (value, slope) = (self.value(x), self.slope(x, Fineness::Normal));
            let (value_square, slope_square) = (value * value, slope * slope);
            let powers = [
                value_square,
                slope_square,
                value_square * value_square,
                slope_square * slope_square,
            ];
            for (sum, power) in sums.iter_mut().zip(powers) {
                *sum += mass * power;
            }
            let hermite = hermite(z, mass);
            let mut expand = |from: usize, order: usize, factor: f64| {
                for (sum, h) in sums[from..from + order].iter_mut().zip(&hermite) {
                    *sum += h * factor;
                }
            };
            expand(VALUE, ORDER, value);
            expand(SLOPE, ORDER, slope);
            expand(VALUE_SQUARES, SQUARES, value_square);
            expand(SLOPE_SQUARES, SQUARES, slope_square);
        };
        match sd {
            0.0 => add(0.0, 1.0),
            _ => nodes(&self.features, (mean, sd), Fineness::Coarse, add),
        }
        if sd == 0.0 {
            // Without variance there is only the mean.
            for from in [VALUE, SLOPE, VALUE_SQUARES, SLOPE_SQUARES] {
                let order = if from < VALUE_SQUARES { ORDER } else { SQUARES };
                sums[from + 1..from + order].fill(0.0);
            }
        }
        sums
    }
}

/// The sums of a function with `f(t x) = t f(x)` for positive t, from those at variance 1.
fn scaled(sums: &Sums, variance: f64) -> Sums {
    let mut sums = *sums;
    sums[0] *= variance;
    sums[2] *= variance * variance;
    let sd = variance.sqrt();
    sums[VALUE..SLOPE].iter_mut().for_each(|sum| *sum *= sd);
    let squares = &mut sums[VALUE_SQUARES..SLOPE_SQUARES];
    squares.iter_mut().for_each(|sum| *sum *= variance);
    sums
}

/// The sums of exp, whose moments outgrow any quadrature and interpolation: of all of them
/// `E exp(a σ z) hₖ(z) = exp(a² σ² / 2) (a σ)ᵏ / √k!`.
fn exponential(variance: f64) -> Sums {
    let moment = |a: f64| libm::exp(0.5 * a * a * variance);
    let mut sums = [0.0; SUMS];
    sums[..VALUE].copy_from_slice(&[2.0, 2.0, 4.0, 4.0].map(moment));
    for (range, a) in [
        (VALUE..SLOPE, 1.0),
        (SLOPE..VALUE_SQUARES, 1.0),
        (VALUE_SQUARES..SLOPE_SQUARES, 2.0),
        (SLOPE_SQUARES..SUMS, 2.0),
    ] {
        let mut coefficient = moment(a);
        for (k, sum) in sums[range].iter_mut().enumerate() {
            *sum = coefficient;
            coefficient *= a * variance.sqrt() / (k as f64 + 1.0).sqrt();
        }
    }
    sums
}

/// The normalized Hermite polynomials at `z`, times `mass`.
fn hermite(z: f64, mass: f64) -> [f64; ORDER] {
    let mut values = [mass; ORDER];
    values[1] = z * mass;
    for k in 1..ORDER - 1 {
        let order = k as f64;
        values[k + 1] = (z * values[k] - order.sqrt() * values[k - 1]) / (order + 1.0).sqrt();
    }
    values
}

/// Lagrange's weights of the points 0, 1, 2... for the place `x` between them.
fn lagrange(x: f64) -> [f64; POINTS] {
    std::array::from_fn(|i| {
        let others = (0..POINTS).filter(|&j| j != i);
        others
            .map(|j| (x - j as f64) / (i as f64 - j as f64))
            .product()
    })
}

/// `E g(u) g(v) = Σ aₖ² cᵏ + rest · c^degree` of a function g.
#[derive(Clone, Debug)]
struct Series<const N: usize> {
    coefficients: [f64; N],
    /// What the coefficients leave of `E g²`.
    rest: f64,
    degree: f64,
    /// The rest's sign at negative correlations: 1 of an even function, -1 of an odd one.
    parity: f64,
}

impl<const N: usize> Series<N> {
    /// `slope` is the curve's slope at 1, where it is known.
    fn new(coefficients: &[f64], square: f64, slope: Option<f64>) -> Self {
        let coefficients: [f64; N] = std::array::from_fn(|k| coefficients[k]);
        let squares = || coefficients.iter().map(|a| a * a).enumerate();
        let rest = (square - squares().map(|(_, a)| a).sum::<f64>()).max(0.0);
        let known: f64 = squares().map(|(k, a)| k as f64 * a).sum();
        let degree = match slope {
            Some(slope) if rest > 0.0 => (slope - known) / rest,
            _ => 1.5 * N as f64,
        };
        let last = || squares().skip(N / 2);
        let total: f64 = last().map(|(_, a)| a).sum();
        let signed: f64 = last().map(|(k, a)| if k % 2 == 0 { a } else { -a }).sum();
        Self {
            coefficients,
            rest,
            degree: degree.clamp(N as f64, 1e6),
            parity: if total > 0.0 { signed / total } else { 0.0 },
        }
    }

    fn at(&self, c: f64) -> f64 {
        let sum = (self.coefficients.iter().rev()).fold(0.0, |sum, a| sum * c + a * a);
        if self.rest == 0.0 || c.is_nan() {
            return sum;
        }
        let sign = if c < 0.0 { self.parity } else { 1.0 };
        sum + sign * self.rest * libm::pow(c.abs(), self.degree)
    }

    /// Of a square g: `d ln E g / d ln variance`, by Stein's identity.
    fn elasticity(&self) -> f64 {
        let [mean, _, second, ..] = self.coefficients[..] else {
            return 0.0;
        };
        if mean == 0.0 {
            return 0.0;
        }
        second / (std::f64::consts::SQRT_2 * mean)
    }
}

impl Activation {
    /// Whether `f(t x) = t f(x)` for every positive t: a line through the origin, or two.
    pub fn is_homogeneous(self) -> bool {
        Closed::of(self).is_some_and(Closed::is_homogeneous)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mean_field::MeanField;
    use super::*;

    const CORRELATIONS: [f64; 9] = [-0.5, 0.0, 0.1, 0.3, 0.6, 0.9, 0.97, 0.999, 1.0];

    /// The quadrature in the plane is the reference: every activation, variance and correlation.
    #[test]
    fn curves_match_the_quadrature_in_the_plane() {
        for activation in Activation::all() {
            let f = Function::from(activation);
            let is_hard = matches!(activation, Activation::Softshrink { .. });
            if is_hard || f.jump().is_some() {
                continue;
            }
            for q in [0.03, 0.37, 1.0, 4.1] {
                let layer = MeanField::new(&f, 1.0, 0.0).unwrap();
                let curve = f.curve(0.0, q).unwrap();
                let has_closed = Closed::of(activation).is_some();
                for c in CORRELATIONS {
                    let want = layer.correlation(q, c).unwrap() * q;
                    let bound = match (has_closed, c) {
                        // The quadrature ends at 10 deviations: before a billionth of exp's mass.
                        (true, _) if activation == Activation::Exp => 1e-8,
                        (true, _) => 1e-12,
                        (false, 1.0) => 1e-5,
                        (false, _) => 2e-4,
                    };
                    let error = (curve.product(c) - want).abs() / curve.square;
                    assert!(error < bound, "{activation} q={q} c={c}: {error:e}");
                }
            }
        }
    }

    /// What samples differ by after a layer, where they were alike before: `1 - c` is small and
    /// must not drown in the error of the curve.
    #[test]
    fn small_differences_are_relative() {
        for activation in Activation::all() {
            let f = Function::from(activation);
            if f.jump().is_some() {
                continue;
            }
            let (q, c) = (0.8, 0.999);
            let curve = f.curve(0.0, q).unwrap();
            let layer = MeanField::new(&f, 1.0, 0.0).unwrap();
            let want = f.moments(0.0, q).unwrap().square - layer.correlation(q, c).unwrap() * q;
            let got = curve.square - curve.product(c);
            assert!(
                (got / want - 1.0).abs() < 0.02,
                "{activation}: {got} {want}"
            );
        }
    }

    #[test]
    fn slopes_match_the_quadrature_in_the_plane() {
        for activation in Activation::all() {
            let f = Function::from(activation);
            let layer = MeanField::new(&f, 1.0, 0.0).unwrap();
            let curve = f.curve(0.0, 1.3).unwrap();
            for c in CORRELATIONS {
                let Ok(want) = layer.correlation_slope(1.3, c) else {
                    continue;
                };
                let error = (curve.slope_product(c) - want).abs() / curve.slope_square;
                // A slope that jumps bends its curve like √(1 - c) at the end.
                assert!(error < 0.02, "{activation} c={c}: {error:e}");
            }
        }
    }

    #[test]
    fn interpolated_moments_match_the_exact_ones() {
        for activation in Activation::all() {
            // Steps have no slope.
            if matches!(activation, Activation::Sign | Activation::Step) {
                continue;
            }
            let f = Function::from(activation);
            for (mean, q) in [
                (0.0, 0.011),
                (0.0, 0.77),
                (0.0, 2.9),
                (0.6, 1.7),
                (0.2, 0.0),
            ] {
                let (curve, exact) = (f.curve(mean, q).unwrap(), f.moments(mean, q).unwrap());
                let near = |got: f64, want: f64| (got - want).abs() < 1e-5 * want.abs().max(1e-2);
                let what = format!("{activation} {mean} {q}: {curve:?} {exact:?}");
                assert!(near(curve.mean, exact.mean), "{what}");
                assert!(near(curve.square, exact.square), "{what}");
                assert!(near(curve.slope_square, exact.derivative_square), "{what}");
            }
        }
    }

    #[test]
    fn elasticities_are_slopes_of_logarithms() {
        for activation in [
            Activation::Tanh,
            Activation::Gelu,
            Activation::Relu,
            Activation::Sigmoid,
        ] {
            let f = Function::from(activation);
            let at = |q: f64| f.curve(0.0, q).unwrap();
            let (low, middle, high) = (at(0.99), at(1.0), at(1.01));
            let step = (1.01f64 / 0.99).ln();
            let forward = (high.square / low.square).ln() / step;
            let backward = (high.slope_square / low.slope_square).ln() / step;
            let around = |curve: &Curve| curve.square - curve.mean * curve.mean;
            let spread = (around(&high) / around(&low)).ln() / step;
            assert!((middle.elasticity() - forward).abs() < 1e-4, "{activation}");
            assert!(
                (middle.spread_elasticity() - spread).abs() < 1e-4,
                "{activation}"
            );
            assert!((middle.slope_elasticity() - backward).abs() < 1e-4);
        }
    }

    /// Against a sum over the plane.
    #[test]
    fn pulls_match_the_quadrature_in_the_plane() {
        for (activation, mean, c) in [
            (Activation::Relu, 0.0, 0.4),
            (Activation::Relu, 0.3, 0.4),
            (Activation::Tanh, 0.0, 0.7),
            (Activation::Gelu, 0.2, -0.3),
        ] {
            let f = Function::from(activation);
            let (sd, other) = (1.3f64, (1.0f64 - c * c).sqrt());
            let (mut sum, mut mass) = (0.0, 0.0);
            let line = || (-240..=240).map(|i| (f64::from(i) + 0.5) / 40.0);
            for z in line() {
                for w in line() {
                    let weight = (-0.5 * (z * z + w * w)).exp();
                    let (u, v) = (mean + sd * z, mean + sd * (c * z + other * w));
                    sum += weight * u * f.at(u)[1] * v * f.at(v)[1];
                    mass += weight;
                }
            }
            let got = f.curve(mean, sd * sd).unwrap().pull_product(c);
            let want = sum / mass;
            assert!(
                (got - want).abs() < 2e-3,
                "{activation} {mean} {c}: {got} {want}"
            );
        }
    }

    #[test]
    fn fourth_moments_are_at_the_end_of_the_squares() {
        // (E f⁴ - (E f²)²) / (E f²)²: 5 of a ReLU, 2 of a line (Hanin and Rolnick 2018).
        for (activation, kappa) in [(Activation::Relu, 5.0), (Activation::Linear, 2.0)] {
            let curve = Function::from(activation).curve(0.0, 3.0).unwrap();
            let found = curve.square_product(1.0) / curve.square.powi(2) - 1.0;
            assert!((found - kappa).abs() < 1e-9, "{activation}: {found}");
        }
    }

    #[test]
    fn all_moments_of_exp_are_exact() {
        let q = 6.3;
        let curve = Function::from(Activation::Exp).curve(0.0, q).unwrap();
        let near = |got: f64, exponent: f64| (got / libm::exp(exponent * q) - 1.0).abs() < 1e-12;
        assert!(near(curve.mean, 0.5) && near(curve.square, 2.0) && near(curve.slope_square, 2.0));
        assert!(near(curve.square_product(1.0), 8.0) && near(curve.slope_square_product(0.0), 4.0));
        assert!((curve.elasticity() / (2.0 * q) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let tanh = Function::from(Activation::Tanh);
        assert!(tanh.curve(f64::NAN, 1.0).is_err() && tanh.curve(0.0, -1.0).is_err());
        assert!(Function::from(Activation::Exp).curve(0.0, 1e6).is_err());
    }
}
