//! Mean-field theory of deep networks of random weights: how lengths, angles and gradients go
//! from layer to layer in the limit of infinite width.
//!
//! B. Poole et al., "Exponential expressivity in deep neural networks through transient chaos"
//! (2016), section 2; S. S. Schoenholz et al., "Deep Information Propagation" (2017), sections 2
//! to 4; S. Hayou et al., "On the Impact of the Activation Function on Deep Neural Networks
//! Training" (2019), section 2.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// What becomes of a small error of the variance at a fixed point.
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeOfChaos {
    /// `σ_w²`; the standard deviation of a weight is `√(σ_w² / fan_in)`.
    pub weight_variance: f64,
    /// Its fixed point, with `χ₁ = 1`.
    pub fixed_point: FixedPoint,
}

/// A gain, and what comes of it in a deep network without biases whose inputs have variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
        let (square, _) = self.function.square_and_slope(q)?;
        Ok(self.weight_variance.mul_add(square, self.bias_variance))
    }

    /// `χ₁`, `V'` at the variance `q`, which is taken for a fixed point.
    fn point(&self, q: f64) -> Result<FixedPoint, ExpectationError> {
        let (_, slope) = self.function.square_and_slope(q)?;
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
        let grows = first > 0.0;
        let factor = if grows { SCAN } else { 1.0 / SCAN };
        let mut last = q;
        while if grows {
            last < LENGTHS.1
        } else {
            last > LENGTHS.0
        } {
            let next = last * factor;
            if growth(next)? * first <= 0.0 {
                return Ok(Limit::Fixed(self.point(root(growth, last, next)?)?));
            }
            last = next;
        }
        Ok(if grows { Limit::Infinity } else { Limit::Zero })
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
            .mul_add(self.function.product(q, c)?, self.bias_variance)
            / q)
    }

    /// The slope of the correlation map, `C'(c) = σ_w² E f'(u) f'(v)`; at `c = 1` it is `χ₁`.
    ///
    /// # Errors
    /// As [`MeanField::correlation`], and if the function jumps: `C'` is then not an expectation
    /// of slopes, and infinite at 1.
    pub fn correlation_slope(&self, q: f64, c: f64) -> Result<f64, ExpectationError> {
        check_pair(q, c)?;
        if let Some(at) = self.function.jump() {
            return Err(ExpectationError::Jump { at });
        }
        Ok(self.weight_variance * self.function.slope_product(q, c)?)
    }

    /// The depth scales at a fixed point of this layer.
    ///
    /// # Errors
    /// An expectation diverges, or the function jumps.
    pub fn depth_scales(&self, point: &FixedPoint) -> Result<DepthScales, ExpectationError> {
        let limit_correlation = self.limit_correlation(point)?;
        let slope = self.correlation_slope(point.q, limit_correlation)?;
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
            if step <= STILL || step.is_nan() {
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
        let mut last: Option<(f64, f64)> = None;
        let mut q = LENGTHS.0;
        while q < LENGTHS.1 {
            let value = f(q)?;
            // Where the terms of f cancel to nothing, its sign is noise.
            if value.abs() > STILL * q {
                match last {
                    Some((low, below)) if below * value < 0.0 => return root(f, low, q).map(Some),
                    _ => last = Some((q, value)),
                }
            }
            q *= SCAN;
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

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::{Activation, pytorch_gain};
    use super::*;
    use Activation::*;

    fn function(activation: Activation) -> Function<'static> {
        Function::from(activation)
    }

    fn fixed(limit: Limit) -> FixedPoint {
        match limit {
            Limit::Fixed(point) => point,
            other => panic!("no fixed point: {other}"),
        }
    }

    /// Equal to every printed digit, of which the last is `unit`.
    fn assert_prints(got: f64, want: f64, unit: f64, what: impl fmt::Display) {
        assert!(
            (got - want).abs() <= 0.6 * unit,
            "{what}: {got}, not {want}"
        );
    }

    /// activation, forward gain, backward gain, χ₁ and V' at the forward gain.
    #[allow(clippy::approx_constant)]
    const GAINS: [(Activation, f64, f64, f64, f64); 15] = [
        (Relu, 1.414214, 1.414214, 1.0, 1.0),
        (LeakyRelu { slope: 0.01 }, 1.414143, 1.414143, 1.0, 1.0),
        (LeakyRelu { slope: 0.2 }, 1.386750, 1.386750, 1.0, 1.0),
        (Tanh, 1.592537, 1.467414, 1.1778, 0.461),
        (Erf, 1.467167, 1.325218, 1.2257, 0.409),
        (Sigmoid, 1.846229, 4.722646, 0.1528, 0.106),
        (Selu, 1.0, 0.966026, 1.0716, 0.783),
        (Gelu, 1.533530, 1.481114, 1.0720, 1.144),
        (Silu, 1.676532, 1.623320, 1.0666, 1.173),
        (Softplus, 1.041867, 1.846229, 0.3185, 0.492),
        (Softsign, 2.337533, 2.095781, 1.2440, 0.477),
        (Hardtanh, 1.392036, 1.210287, 1.3229, 0.385),
        (Sin, 1.520867, 1.327251, 1.3130, 0.313),
        (Arctan, 1.491208, 1.414214, 1.1119, 0.561),
        (Relu2, 0.816497, 0.707107, 1.3333, 2.0),
    ];

    #[test]
    fn tabulated_gains() {
        for (activation, forward, backward, chi1, slope) in GAINS {
            let f = function(activation);
            let gain = f.forward_gain().unwrap();
            assert_prints(gain.value, forward, 1e-6, activation);
            assert_prints(gain.chi1, chi1, 1e-4, activation);
            let point = fixed(gain.limit);
            assert_eq!((point.q, point.chi1), (1.0, gain.chi1), "{activation}");
            assert_prints(point.slope, slope, 1e-3, activation);
            let backward_gain = f.backward_gain().unwrap();
            assert_prints(backward_gain.value, backward, 1e-6, activation);
            assert_prints(backward_gain.chi1, 1.0, 1e-14, activation);
        }
    }

    #[test]
    fn stability_at_the_forward_gain() {
        let stability = |a| fixed(function(a).forward_gain().unwrap().limit).stability();
        for activation in [Linear, Relu, LeakyRelu { slope: 0.2 }, Abs] {
            assert_eq!(stability(activation), Stability::Neutral, "{activation}");
        }
        for activation in [Tanh, Erf, Selu, Sigmoid, Softplus, Sin] {
            assert_eq!(stability(activation), Stability::Stable, "{activation}");
        }
        for activation in [Gelu, Silu, Mish, Hardswish, GeluTanh, Relu2] {
            assert_eq!(stability(activation), Stability::Unstable, "{activation}");
        }
    }

    #[test]
    fn closures_have_the_gains_of_the_built_in_activations() {
        for (activation, ..) in GAINS {
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            let (got, want) = (closure.forward_gain(), function(activation).forward_gain());
            let (got, want) = (got.unwrap(), want.unwrap());
            assert_prints(got.value, want.value, 1e-13, activation);
            assert_prints(got.chi1, want.chi1, 1e-11, activation);
            assert_prints(
                fixed(got.limit).slope,
                fixed(want.limit).slope,
                1e-12,
                activation,
            );
        }
    }

    /// activation, then `q*`, `σ_w²` at bias deviations 0.1, 0.2, 0.3, 0.5.
    const EDGES: [(Activation, [(f64, f64); 4]); 5] = [
        (
            Tanh,
            [
                (0.27330, 1.42421),
                (0.51208, 1.70080),
                (0.76347, 1.94765),
                (1.31794, 2.40149),
            ],
        ),
        (
            Erf,
            [
                (0.25321, 1.11428),
                (0.46576, 1.32894),
                (0.68877, 1.52195),
                (1.18327, 1.88055),
            ],
        ),
        (
            Silu,
            [
                (0.25971, 3.31259),
                (0.68945, 2.82083),
                (1.39959, 2.48258),
                (4.42808, 2.12270),
            ],
        ),
        (
            Gelu,
            [
                (0.18348, 2.98280),
                (0.57564, 2.39324),
                (1.42487, 2.10386),
                (6.43410, 1.95963),
            ],
        ),
        (
            Selu,
            [
                (0.30894, 0.76023),
                (0.71705, 0.87886),
                (1.22197, 0.96765),
                (2.55551, 1.10174),
            ],
        ),
    ];

    #[test]
    fn tabulated_edges_of_chaos() {
        for (activation, row) in EDGES {
            for (bias, (q, weight)) in [0.1, 0.2, 0.3, 0.5].into_iter().zip(row) {
                let f = function(activation);
                let edge = f.edge_of_chaos(bias).unwrap();
                assert_prints(edge.fixed_point.q, q, 1e-5, activation);
                assert_prints(edge.weight_variance, weight, 1e-5, activation);
                assert_prints(edge.fixed_point.chi1, 1.0, 1e-14, activation);
                let layer = MeanField::new(&f, edge.weight_variance, bias * bias).unwrap();
                assert_prints(layer.length(q).unwrap(), q, 1e-5, activation);
            }
        }
    }

    #[test]
    fn published_edges_of_tanh() {
        let edge = |variance: f64| function(Tanh).edge_of_chaos(variance.sqrt()).unwrap();
        assert_prints(
            edge(0.05).weight_variance,
            1.76095,
            1e-5,
            "Schoenholz et al.",
        );
        assert_prints(
            edge(2.01e-5).weight_variance,
            1.0499956,
            1e-7,
            "Xiao et al.",
        );
    }

    #[test]
    fn edges_without_biases() {
        let relu = function(Relu).edge_of_chaos(0.0).unwrap();
        assert_eq!(relu.fixed_point.q, 1.0);
        assert_prints(relu.weight_variance, 2.0, 1e-14, "He et al.");
        assert_eq!(relu.fixed_point.stability(), Stability::Neutral);
        for (activation, bias) in [(Tanh, 0.0), (Relu, 0.1)] {
            let none = function(activation).edge_of_chaos(bias);
            assert_eq!(
                none,
                Err(ExpectationError::NoEdge { bias_std: bias }),
                "{activation}"
            );
        }
        assert!(function(Tanh).edge_of_chaos(-1.0).is_err());
        assert!(function(Step).edge_of_chaos(0.1).is_err());
    }

    /// `σ_w²`, χ₁, c*, ξ_c and the last digit of ξ_c, for tanh at `σ_b² = 0.05`.
    #[test]
    fn tabulated_depth_scales_of_tanh() {
        let tanh = function(Tanh);
        for (weight, chi1, c, scale, unit) in [
            (1.05, 0.7829, 1.0, 4.08, 1e-2),
            (1.3, 0.8802, 1.0, 7.83, 1e-2),
            (1.5, 0.9386, 1.0, 15.8, 1e-1),
            (1.7, 0.9867, 1.0, 74.9, 1e-1),
            (1.8, 1.0082, 0.950, 125.8, 1e-1),
            (2.0, 1.0477, 0.744, 25.2, 1e-1),
            (2.5, 1.1335, 0.447, 11.8, 1e-1),
            (3.0, 1.2089, 0.299, 9.05, 1e-2),
            (4.0, 1.3424, 0.165, 6.98, 1e-2),
        ] {
            let layer = MeanField::new(&tanh, weight, 0.05).unwrap();
            let point = fixed(layer.limit(1.0).unwrap());
            assert_prints(point.chi1, chi1, 1e-4, weight);
            let scales = layer.depth_scales(&point).unwrap();
            assert_prints(scales.limit_correlation, c, 1e-3, weight);
            assert_prints(scales.correlation, scale, unit, weight);
            assert_prints(scales.gradient, 1.0 / point.chi1.ln().abs(), 1e-9, weight);
            assert_prints(scales.length, -1.0 / point.slope.ln(), 1e-9, weight);
        }
    }

    #[test]
    fn pytorch_gain_of_tanh_makes_gradients_explode() {
        let gain = function(Tanh)
            .gain(pytorch_gain("tanh", None).unwrap())
            .unwrap();
        let point = fixed(gain.limit);
        assert_prints(point.q, 1.1785, 1e-4, gain);
        assert_prints(point.chi1, 1.2098, 1e-4, gain);
        assert_prints(point.chi1.powi(50) / 1e4, 1.4, 0.1, gain);
        assert_eq!(point.stability(), Stability::Stable);
    }

    #[test]
    fn pytorch_gain_of_selu_is_nearly_critical() {
        let gain = function(Selu).gain(0.75).unwrap();
        let point = fixed(gain.limit);
        assert_prints(point.q, 0.02303, 1e-5, gain);
        assert_prints(point.chi1, 1.0037, 1e-4, gain);
        let square = function(Selu).moments(0.0, point.q).unwrap().square;
        assert_prints(square.sqrt(), 0.2024, 1e-4, gain);
    }

    fn iterate(activation: Activation, gain: f64, mut q: f64, layers: usize) -> f64 {
        let f = function(activation);
        let layer = MeanField::new(&f, gain * gain, 0.0).unwrap();
        for _ in 0..layers {
            q = layer.length(q).unwrap();
        }
        q
    }

    #[test]
    fn an_unstable_gain_magnifies_one_percent_of_the_variance() {
        for (activation, q, unit) in [
            (Gelu, 17.6, 0.1),
            (Silu, 1364.0, 1.0),
            (Mish, 1.45, 0.01),
            (Hardswish, 1.2e5, 1e4),
        ] {
            let gain = function(activation).forward_gain().unwrap().value;
            assert_prints(iterate(activation, gain, 1.01, 50), q, unit, activation);
        }
    }

    #[test]
    fn he_on_other_activations_vanishes_or_explodes() {
        let he = std::f64::consts::SQRT_2;
        for (activation, layers, q, unit) in [
            (Gelu, 20, 3.2e-5, 1e-6),
            (Gelu, 50, 3e-14, 1e-14),
            (Silu, 20, 3.5e-6, 1e-7),
            (Silu, 50, 3e-15, 1e-15),
            (Hardswish, 20, 2.1e-6, 1e-7),
            (Hardswish, 50, 2e-15, 1e-15),
            (Selu, 50, 2.9e3, 1e2),
            (Elu { alpha: 1.0 }, 50, 34.0, 1.0),
            (Tanh, 50, 0.618, 1e-3),
        ] {
            assert_prints(iterate(activation, he, 1.0, layers), q, unit, activation);
        }
        let tanh = function(Tanh);
        let layer = MeanField::new(&tanh, 2.0, 0.0).unwrap();
        let (mut q, mut gradient) = (1.0, 1.0);
        for _ in 0..50 {
            gradient *= layer.point(q).unwrap().chi1;
            q = layer.length(q).unwrap();
        }
        assert_prints(
            gradient,
            106.0,
            1.0,
            "tanh's squared gradient over 50 layers",
        );
        assert_eq!(function(Gelu).gain(he).unwrap().limit, Limit::Zero);
        assert_eq!(function(Selu).gain(he).unwrap().limit, Limit::Infinity);
        assert_eq!(
            function(Relu).gain(he * 1.1).unwrap().limit,
            Limit::Infinity
        );
        assert_eq!(function(Relu).gain(he * 0.9).unwrap().limit, Limit::Zero);
    }

    /// Sitzmann et al. (2020) aim at unit pre-activations: `σ_w² = 2`; the fixed point is lower.
    #[test]
    fn siren_settles_below_its_published_variance() {
        let gain = function(Sin).gain(2f64.sqrt()).unwrap();
        let point = fixed(gain.limit);
        assert_prints(point.q, 0.79681, 1e-5, gain);
        assert_prints(point.chi1, 1.2032, 1e-4, gain);
    }

    #[test]
    fn correlation_maps_match_their_closed_forms() {
        let correlations = [
            -1.0,
            -0.9,
            -0.3,
            0.0,
            0.2,
            0.8,
            0.99,
            1.0 - 1e-4,
            1.0 - 1e-8,
            1.0,
        ];
        for q in [0.2, 1.0, 5.0] {
            for c in correlations {
                let angle = libm::acos(c);
                let sine = ((1.0 - c) * (1.0 + c)).sqrt();
                let arc = (sine + (PI - angle) * c) / (2.0 * PI);
                let wide = 1.0 + 2.0 * q;
                let erf = 2.0 / PI * libm::asin(2.0 * q * c / wide);
                let erf_slope = 4.0 / PI / (wide * wide - 4.0 * q * q * c * c).sqrt();
                let damped = libm::exp(-q);
                for (activation, product, slope) in [
                    (Relu, q * arc, (PI - angle) / (2.0 * PI)),
                    (Erf, erf, erf_slope),
                    (Sin, damped * libm::sinh(q * c), damped * libm::cosh(q * c)),
                    (Abs, q * 2.0 / PI * (sine + c * libm::asin(c)), f64::NAN),
                    (Sign, 1.0 - 2.0 * angle / PI, f64::NAN),
                ] {
                    let f = function(activation);
                    let layer = MeanField::new(&f, q, 0.0).unwrap();
                    let what = format!("{activation} q={q} c={c}");
                    assert_prints(layer.correlation(q, c).unwrap(), product, 1e-13, &what);
                    if slope.is_finite() {
                        let got = layer.correlation_slope(q, c).unwrap() / q;
                        assert_prints(got, slope, 1e-12, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn closures_have_correlation_maps_too() {
        for activation in [Tanh, Elu { alpha: 1.0 }, Hardtanh] {
            let known = function(activation);
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            let layer = |f| MeanField::new(f, 1.5, 0.1).unwrap();
            let (known, closure) = (layer(&known), layer(&closure));
            let value = |l: &MeanField| l.correlation(1.0, 0.6).unwrap();
            let slope = |l: &MeanField| l.correlation_slope(1.0, 0.6).unwrap();
            assert_prints(value(&closure), value(&known), 1e-13, activation);
            assert_prints(slope(&closure), slope(&known), 1e-11, activation);
        }
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let tanh = function(Tanh);
        assert!(MeanField::new(&tanh, -1.0, 0.0).is_err());
        assert!(MeanField::new(&tanh, 1.0, f64::NAN).is_err());
        let layer = MeanField::new(&tanh, 1.0, 0.0).unwrap();
        assert!(layer.limit(0.0).is_err() && layer.limit(f64::INFINITY).is_err());
        assert!(layer.correlation(1.0, 1.1).is_err() && layer.correlation(0.0, 0.5).is_err());
        assert!(layer.correlation_slope(1.0, f64::NAN).is_err());
        assert!(tanh.gain(f64::INFINITY).is_err());
        let tear = MeanField::new(&function(Hardshrink { lambda: 0.5 }), 2.0, 0.1)
            .and_then(|layer| layer.correlation_slope(1.0, 0.5));
        assert!(matches!(tear, Err(ExpectationError::Jump { .. })));
        let vanishes = |r: Result<Gain, _>| matches!(r, Err(ExpectationError::Vanishes { .. }));
        assert!(vanishes(function(Sign).backward_gain()));
        assert!(vanishes(Function::new(|_| 0.0).unwrap().forward_gain()));
        // V(q) = e^(2q) / 2 runs away until its expectation cannot be given.
        let exp = function(Exp);
        assert!(MeanField::new(&exp, 0.5, 0.0).unwrap().limit(1.0).is_err());
        assert_eq!(layer.limit(1.0), Ok(Limit::Zero));
        assert_eq!(layer.limit(1e8), Ok(Limit::Zero));
    }

    #[test]
    fn a_gain_reads_as_a_sentence() {
        let text = function(Silu).forward_gain().unwrap().to_string();
        let want = "gain 1.676532, χ₁ = 1.0666; unstable q* = 1.000000 (χ₁ = 1.0666, V' = 1.173)";
        assert_eq!(text, want);
    }

    #[test]
    fn a_gain_comes_back_from_json() {
        for gain in [function(Relu).gain(1.0), function(Silu).forward_gain()] {
            let gain = gain.unwrap();
            let json = serde_json::to_string(&gain).unwrap();
            assert_eq!(serde_json::from_str::<Gain>(&json).unwrap(), gain, "{json}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn limits_of_tanh_are_fixed(weight in 0.2..4.0f64, bias in 0.01..1.0f64, q in 0.01..9.0f64) {
            let tanh = function(Tanh);
            let layer = MeanField::new(&tanh, weight, bias).unwrap();
            let point = fixed(layer.limit(q).unwrap());
            let moved = (layer.length(point.q).unwrap() - point.q).abs();
            proptest::prop_assert!(moved <= 4e-12 * point.q);
            proptest::prop_assert_eq!(point.stability(), Stability::Stable);
        }
    }
}
