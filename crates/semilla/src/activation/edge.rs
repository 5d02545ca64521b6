//! The edge of chaos: gradients neither vanish nor explode there.

use serde::{Deserialize, Serialize};

use super::error::{ExpectationError, check};
use super::fixed_point::FixedPoint;
use super::function::Function;
use super::mean_field::{LENGTHS, MeanField, SCAN, STILL};
use super::root::root;

/// A weight variance and a bias variance at which gradients neither vanish nor explode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeOfChaos {
    /// `σ_w²`; the standard deviation of a weight is `√(σ_w² / fan_in)`.
    pub weight_variance: f64,
    /// Its fixed point, with `χ₁ = 1`.
    pub fixed_point: FixedPoint,
}

impl Function<'_> {
    /// The edge of chaos for biases of standard deviation `bias_std`: the weight variance and the
    /// fixed point at which `χ₁ = 1`. Of several, the one of smallest variance; where any variance
    /// will do, as for the ReLU family without biases, the one at variance 1.
    ///
    /// Without biases, functions such as tanh have theirs at `q* = 0`: `σ_w = 1 / |f'(0)|`, 1 for
    /// tanh, 2 for GELU and SiLU. Small signals keep their size to first order there; beyond that,
    /// tanh shrinks them and GELU lets them grow.
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
        } else if let Some(edge) = self.edge_at_zero().filter(|_| bias_variance == 0.0) {
            return Ok(edge);
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

    /// The edge without biases at `q* = 0`, for a function with `f(0) = 0`. Close to 0 it is two
    /// straight lines, as a leaky ReLU, so `σ_w² = 2 / (f'(0⁻)² + f'(0⁺)²)`.
    fn edge_at_zero(&self) -> Option<EdgeOfChaos> {
        let unit = self.moments(0.0, 1.0).ok()?;
        let tiny = [-f64::MIN_POSITIVE, 0.0, f64::MIN_POSITIVE];
        let rests = |x: f64| self.value(x).abs() <= STILL * unit.square.sqrt();
        let [below, above] = self.slopes_at_zero();
        let slope_square = 0.5 * (below * below + above * above);
        let moves = slope_square.is_finite() && slope_square > STILL * unit.derivative_square;
        (moves && tiny.into_iter().all(rests)).then(|| EdgeOfChaos {
            weight_variance: 1.0 / slope_square,
            fixed_point: FixedPoint {
                q: 0.0,
                chi1: 1.0,
                slope: 1.0,
            },
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

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::catalogue::Activation::{self, *};
    use super::super::fixed_point::Stability;
    use super::super::testing::{assert_prints, function};
    use super::*;
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
        for (activation, bias) in [(Relu2, 0.0), (Relu, 0.1)] {
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

    /// `σ_w = 1 / |f'(0)|` at `q* = 0`; the mean of both sides' squared slopes where they differ.
    #[test]
    fn edges_at_zero_without_biases() {
        let selu = 1.0507009873554805;
        let selu_left = selu * 1.6732632423543772;
        for (activation, weight) in [
            (Tanh, 1.0),
            (Erf, PI / 4.0),
            (Sin, 1.0),
            (Arctan, 1.0),
            (Softsign, 1.0),
            (Hardtanh, 1.0),
            (Elu { alpha: 1.0 }, 1.0),
            (Gelu, 4.0),
            (Silu, 4.0),
            (Relu6, 2.0),
            (Selu, 2.0 / (selu * selu + selu_left * selu_left)),
        ] {
            let closure = Function::new(move |x| activation.value(x)).unwrap();
            for (f, digits) in [(&function(activation), 1e-15), (&closure, 1e-11)] {
                let edge = f.edge_of_chaos(0.0).unwrap();
                assert_prints(edge.weight_variance / weight, 1.0, digits, activation);
                let FixedPoint { q, chi1, slope } = edge.fixed_point;
                assert_eq!((q, chi1, slope), (0.0, 1.0, 1.0), "{activation}");
            }
            // The edge at vanishing biases tends to it.
            let close = function(activation).edge_of_chaos(1e-4);
            if let Ok(edge) = close {
                assert_prints(edge.weight_variance / weight, 1.0, 0.1, activation);
            }
        }
    }

    #[test]
    fn functions_that_are_not_0_at_0_or_flat_there_have_no_edge_at_zero() {
        for activation in [Cos, Sigmoid, Step, Sign, Softplus] {
            assert!(
                function(activation).edge_at_zero().is_none(),
                "{activation}"
            );
        }
        for f in [|x: f64| x * x, |x: f64| x * x * x, |x: f64| x + x.signum()] {
            let closure = Function::new(f).unwrap();
            assert!(closure.edge_at_zero().is_none());
        }
    }
}
