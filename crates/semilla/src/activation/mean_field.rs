//! Mean-field theory of deep networks of random weights: how lengths, angles and gradients go
//! from layer to layer in the limit of infinite width.
//!
//! B. Poole et al., "Exponential expressivity in deep neural networks through transient chaos"
//! (2016), section 2; S. S. Schoenholz et al., "Deep Information Propagation" (2017), sections 2
//! to 4; S. Hayou et al., "On the Impact of the Activation Function on Deep Neural Networks
//! Training" (2019), section 2.

use std::fmt;

use super::function::{ExpectationError, Function, check};

/// Fixed points of the length map are looked for between these pre-activation variances.
const LENGTHS: (f64, f64) = (1e-9, 1e6);
/// The scan steps by this factor, finer than two fixed points of an activation lie apart.
const SCAN: f64 = std::f64::consts::SQRT_2;
/// A map that moves a length by less than this part does not move it.
const STILL: f64 = 1e-12;
/// A slope this close to 1 is 1.
const NEUTRAL: f64 = 1e-9;

/// A layer of a wide random network, `h = W f(x) + b` with `W ~ (0, σ_w²/fan_in)` and
/// `b ~ (0, σ_b²)`.
#[derive(Clone, Copy, Debug)]
pub struct MeanField<'f> {
    function: &'f Function<'f>,
    weight_variance: f64,
    bias_variance: f64,
}

/// A pre-activation variance that the layers keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedPoint {
    /// The variance, `q*`.
    pub q: f64,
    /// `χ₁ = σ_w² E f'²`: the factor on squared gradients per layer, going back. Below 1 they
    /// vanish ("ordered"), above 1 they explode ("chaotic").
    pub chi1: f64,
    /// `V'(q*)`: the factor on a small error of the variance per layer.
    pub slope: f64,
}

/// What becomes of a small error of the variance at a fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// It dies out: `|V'| < 1`.
    Stable,
    /// It stays: `V' = 1`, as for every member of the ReLU family.
    Neutral,
    /// It grows: `|V'| > 1`, as for GELU and SiLU at their variance-preserving gains.
    Unstable,
}

/// Where the pre-activation variance goes, layer after layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Below 1e-9 with no fixed point on the way: the signal dies.
    Zero,
    /// To a fixed point, or it stands on one.
    Fixed(FixedPoint),
    /// Above 1e6 with no fixed point on the way: the signal explodes.
    Infinity,
}

/// Over how many layers the network remembers, at a fixed point. Infinite at criticality.
///
/// Networks train up to a depth of about six times `correlation` (Schoenholz et al. 2017,
/// section 5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthScales {
    /// `c*`, the correlation that the signals of any two inputs tend to.
    pub limit_correlation: f64,
    /// `ξ_c = -1 / ln C'(c*)`, of the correlation between two inputs.
    pub correlation: f64,
    /// `ξ_q = -1 / ln |V'(q*)|`, of the length.
    pub length: f64,
    /// `ξ_∇ = 1 / |ln χ₁|`, of the gradient.
    pub gradient: f64,
}

/// A weight variance and a bias variance at which gradients neither vanish nor explode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeOfChaos {
    /// `σ_w²`; the standard deviation of a weight is `√(σ_w² / fan_in)`.
    pub weight_variance: f64,
    /// Its fixed point, with `χ₁ = 1`.
    pub fixed_point: FixedPoint,
}

/// A gain, and what comes of it in a deep network without biases whose inputs have variance 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The gain: weights have the standard deviation `gain / √fan`.
    pub value: f64,
    /// `χ₁` at unit variance: the factor on squared gradients per layer.
    pub chi1: f64,
    /// Where the pre-activation variance goes from 1, with `χ₁`, `V'` and stability there.
    pub limit: Limit,
}

impl FixedPoint {
    /// What becomes of a small error of the variance.
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

impl<'f> MeanField<'f> {
    /// A layer with weight variance `σ_w²` (a squared gain) and bias variance `σ_b²`.
    ///
    /// # Errors
    /// A variance is negative or not finite.
    pub fn new(
        function: &'f Function<'f>,
        weight_variance: f64,
        bias_variance: f64,
    ) -> Result<Self, ExpectationError> {
        for (what, value) in [
            ("weight variance", weight_variance),
            ("bias variance", bias_variance),
        ] {
            check(
                what,
                value,
                value.is_finite() && value >= 0.0,
                "finite and not negative",
            )?;
        }
        Ok(MeanField {
            function,
            weight_variance,
            bias_variance,
        })
    }

    /// The length map `V(q) = σ_w² E f(√q z)² + σ_b²`: the pre-activation variance one layer on.
    ///
    /// # Errors
    /// The expectation diverges, or `q` is not a variance.
    pub fn length(&self, q: f64) -> Result<f64, ExpectationError> {
        let square = self.function.moments(0.0, q)?.square;
        Ok(self.weight_variance.mul_add(square, self.bias_variance))
    }

    /// `χ₁`, `V'` at the variance `q`, which is taken for a fixed point.
    fn point(&self, q: f64) -> Result<FixedPoint, ExpectationError> {
        let (_, slope) = self.function.length(q)?;
        let derivative_square = self.function.moments(0.0, q)?.derivative_square;
        Ok(FixedPoint {
            q,
            chi1: self.weight_variance * derivative_square,
            slope: self.weight_variance * slope,
        })
    }

    /// Where the variance goes from `q`: to the first fixed point in the direction in which the
    /// length map moves it.
    ///
    /// # Errors
    /// `q` is not above 0, or an expectation on the way diverges.
    pub fn limit(&self, q: f64) -> Result<Limit, ExpectationError> {
        check(
            "variance",
            q,
            q.is_finite() && q > 0.0,
            "finite and above 0",
        )?;
        let growth = |q: f64| Ok(self.length(q)? - q);
        let first = growth(q)?;
        if first.abs() <= STILL * q {
            return Ok(Limit::Fixed(self.point(q)?));
        }
        let (factor, end) = if first > 0.0 {
            (SCAN, Limit::Infinity)
        } else {
            (1.0 / SCAN, Limit::Zero)
        };
        let mut last = q;
        while (LENGTHS.0..LENGTHS.1).contains(&last) {
            let next = last * factor;
            if growth(next)? * first <= 0.0 {
                return Ok(Limit::Fixed(self.point(root(growth, last, next)?)?));
            }
            last = next;
        }
        Ok(end)
    }

    /// The correlation map `C(c) = (σ_w² E f(u) f(v) + σ_b²) / q` for u, v of variance `q`, a
    /// fixed point, and correlation `c`.
    ///
    /// # Errors
    /// `q` is not above 0, or `c` not in [-1, 1].
    pub fn correlation(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        check_pair(q, c)?;
        Ok(self
            .weight_variance
            .mul_add(self.function.product(q, c), self.bias_variance)
            / q)
    }

    /// The slope of the correlation map, `C'(c) = σ_w² E f'(u) f'(v)`; at `c = 1` it is `χ₁`.
    ///
    /// # Errors
    /// As [`MeanField::correlation`].
    pub fn correlation_slope(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        check_pair(q, c)?;
        Ok(self.weight_variance * self.function.slope_product(q, c))
    }

    /// The depth scales at a fixed point of this layer.
    ///
    /// # Errors
    /// An expectation diverges.
    pub fn depth_scales(&self, point: &FixedPoint) -> Result<DepthScales, ExpectationError> {
        let limit_correlation = self.limit_correlation(point)?;
        let slope = if limit_correlation == 1.0 {
            point.chi1
        } else {
            self.correlation_slope(point.q, limit_correlation)?
        };
        Ok(DepthScales {
            limit_correlation,
            correlation: depth_scale(slope),
            length: depth_scale(point.slope),
            gradient: depth_scale(point.chi1),
        })
    }

    /// The stable fixed point of the correlation map. The map is convex on [0, 1], with the fixed
    /// point 1: it has a lower one exactly if `χ₁ > 1`, and Newton's method from 0 climbs to it.
    fn limit_correlation(&self, point: &FixedPoint) -> Result<f64, ExpectationError> {
        if point.chi1 <= 1.0 + NEUTRAL {
            return Ok(1.0);
        }
        let mut c = 0.0;
        for _ in 0..64 {
            let excess = self.correlation(point.q, c)? - c;
            let step = excess / (1.0 - self.correlation_slope(point.q, c)?);
            if !(step > STILL) {
                break;
            }
            c += step;
            if c >= 1.0 {
                return Ok(1.0);
            }
        }
        Ok(c)
    }
}

impl Function<'_> {
    /// The gain that keeps the variance in the forward pass, `1 / √E f²` at unit variance.
    ///
    /// # Errors
    /// The expectation diverges or is 0.
    pub fn forward_gain(&self) -> Result<Gain, ExpectationError> {
        self.gain(inverse_root("E f²", self.moments(0.0, 1.0)?.square)?)
    }

    /// The gain that keeps the variance of gradients in the backward pass, `1 / √E f'²` at unit
    /// variance.
    ///
    /// # Errors
    /// The expectation diverges or is 0.
    pub fn backward_gain(&self) -> Result<Gain, ExpectationError> {
        self.gain(inverse_root(
            "E f'²",
            self.moments(0.0, 1.0)?.derivative_square,
        )?)
    }

    /// Any gain, such as [`pytorch_gain`](super::pytorch_gain)'s, with what comes of it.
    ///
    /// # Errors
    /// The gain is negative or not finite, or an expectation diverges.
    pub fn gain(&self, value: f64) -> Result<Gain, ExpectationError> {
        check(
            "gain",
            value,
            value.is_finite() && value >= 0.0,
            "finite and not negative",
        )?;
        let layer = MeanField::new(self, value * value, 0.0)?;
        let chi1 = layer.weight_variance * self.moments(0.0, 1.0)?.derivative_square;
        Ok(Gain {
            value,
            chi1,
            limit: layer.limit(1.0)?,
        })
    }

    /// The edge of chaos for biases of standard deviation `bias_std`: the weight variance and the
    /// fixed point at which `χ₁ = 1`. Of several, the one of smallest variance; where any variance
    /// will do, as for the ReLU family without biases, the one at variance 1.
    ///
    /// # Errors
    /// [`ExpectationError::NoEdge`] if there is none; an argument is negative or not finite; an
    /// expectation diverges.
    pub fn edge_of_chaos(&self, bias_std: f64) -> Result<EdgeOfChaos, ExpectationError> {
        let valid = bias_std.is_finite() && bias_std >= 0.0;
        check("bias deviation", bias_std, valid, "finite and not negative")?;
        let bias_variance = bias_std * bias_std;
        // χ₁ = 1 gives the weight variance for each q; the fixed point then asks for this bias.
        let excess = |q: f64| {
            let moments = self.moments(0.0, q)?;
            Ok(q - moments.square / moments.derivative_square - bias_variance)
        };
        let q = if excess(1.0)?.abs() <= STILL {
            1.0
        } else {
            self.first_root(excess)?
                .ok_or(ExpectationError::NoEdge { bias_std })?
        };
        let weight_variance = 1.0 / self.moments(0.0, q)?.derivative_square;
        let layer = MeanField::new(self, weight_variance, bias_variance)?;
        Ok(EdgeOfChaos {
            weight_variance,
            fixed_point: layer.point(q)?,
        })
    }

    /// The smallest q in [`LENGTHS`] at which `f` changes its sign.
    fn first_root(
        &self,
        f: impl Fn(f64) -> Result<f64, ExpectationError>,
    ) -> Result<Option<f64>, ExpectationError> {
        let mut low = LENGTHS.0;
        let below = f(low)?;
        while low < LENGTHS.1 {
            let high = low * SCAN;
            let above = f(high)?;
            // Where the terms cancel, the sign is noise.
            if below * above < 0.0 && above.abs() > STILL * high {
                return root(f, low, high).map(Some);
            }
            low = high;
        }
        Ok(None)
    }
}

/// Between `a` and `b`, where `f` changes its sign, by bisection to the last place.
fn root(
    f: impl Fn(f64) -> Result<f64, ExpectationError>,
    mut a: f64,
    mut b: f64,
) -> Result<f64, ExpectationError> {
    let rising = f(b)? > 0.0;
    loop {
        let middle = 0.5 * (a + b);
        if middle == a || middle == b {
            return Ok(middle);
        }
        if (f(middle)? > 0.0) == rising {
            b = middle
        } else {
            a = middle
        }
    }
}

fn inverse_root(moment: &'static str, value: f64) -> Result<f64, ExpectationError> {
    if value > 0.0 {
        Ok(1.0 / value.sqrt())
    } else {
        Err(ExpectationError::Vanishes { moment })
    }
}

/// Layers per factor e of a quantity that each layer multiplies by `slope`.
fn depth_scale(slope: f64) -> f64 {
    let log = libm::log(slope.abs()).abs();
    if log <= NEUTRAL {
        f64::INFINITY
    } else {
        1.0 / log
    }
}

fn check_pair(q: f64, c: f64) -> Result<(), ExpectationError> {
    check(
        "variance",
        q,
        q.is_finite() && q > 0.0,
        "finite and above 0",
    )?;
    check(
        "correlation",
        c,
        (-1.0..=1.0).contains(&c),
        "between -1 and 1",
    )
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

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gain {:.6}, χ₁ = {:.4}; {}",
            self.value, self.chi1, self.limit
        )
    }
}
