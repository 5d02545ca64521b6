//! Units in pairs of opposite sign.

use super::catalogue::Activation;
use super::function::Function;
use super::quadrature::Features;

/// Where the slope of a pair is looked at, from small signals to large ones.
const AT: [f64; 5] = [0.125, 0.25, 0.5, 2.0, 3.0];
/// A pair whose slope differs by less than this part is linear.
const STRAIGHT: f64 = 1e-12;

/// What two units of opposite sign pass to weights of opposite sign: f(x) - f(-x), the odd part of
/// an activation, twice.
///
/// For ReLU, GELU, SiLU, hard swish and softplus it is x itself, so that a network of such pairs
/// starts linear, however deep ([`LooksLinear`](crate::init::LooksLinear)).
///
/// ```
/// use semilla::activation::{Activation, Pair};
///
/// let pair = Pair::of(Activation::Gelu);
/// assert!((pair.slope - 1.0).abs() < 1e-15 && pair.is_linear());
/// assert!(Pair::of(Activation::Tanh).bend > 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Its slope: f(1) - f(-1).
    pub slope: f64,
    /// How far (f(x) - f(-x)) / x is from that between 1/8 and 3, as a part of it; infinite if the
    /// slope is 0.
    pub bend: f64,
}

impl Pair {
    /// A pair of units with this activation.
    pub fn of(activation: Activation) -> Self {
        let made = |x: f64| activation.value(x) - activation.value(-x);
        let slope = made(1.0);
        let off = AT.map(|x| (made(x) / (x * slope) - 1.0).abs());
        let bend = match slope == 0.0 {
            true => f64::INFINITY,
            false => off.into_iter().fold(0.0, f64::max),
        };
        Self { slope, bend }
    }

    /// Whether it passes x on but for a factor.
    pub fn is_linear(&self) -> bool {
        self.bend < STRAIGHT
    }
}

impl Function<'_> {
    /// f(x) - f(0): what weights that add up to 0 take of an activation such as a sigmoid.
    pub fn above_middle(activation: Activation) -> Function<'static> {
        let middle = activation.value(0.0);
        Function {
            value: Box::new(move |x| activation.value(x) - middle),
            activation: None,
            ..Function::from(activation)
        }
    }

    /// f(x) - f(-x): what a [`Pair`] passes on.
    pub fn of_pair(activation: Activation) -> Function<'static> {
        let single = Function::from(activation);
        let mut kinks: Vec<f64> = single.kinks().iter().flat_map(|&k| [k, -k]).collect();
        kinks.sort_by(f64::total_cmp);
        kinks.dedup();
        Function {
            value: Box::new(move |x| activation.value(x) - activation.value(-x)),
            derivative: Some(Box::new(move |x| {
                activation.derivative(x) + activation.derivative(-x)
            })),
            features: Features {
                kinks,
                ..single.features
            },
            activation: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Activation::*;
    use super::*;

    #[test]
    fn gated_units_are_linear_in_pairs() {
        for (activation, slope) in [
            (Relu, 1.0),
            (LeakyRelu { slope: 0.2 }, 1.2),
            (Gelu, 1.0),
            (GeluTanh, 1.0),
            (QuickGelu, 1.0),
            (Silu, 1.0),
            (Hardswish, 1.0),
            (Softplus, 1.0),
            (Logsigmoid, 1.0),
        ] {
            let pair = Pair::of(activation);
            assert!((pair.slope - slope).abs() < 1e-12, "{activation}: {pair:?}");
            assert!(pair.is_linear(), "{activation}: {pair:?}");
            let moments = Function::of_pair(activation).moments(0.0, 0.7).unwrap();
            assert!(
                (moments.square - 0.7 * slope * slope).abs() < 1e-9,
                "{activation}"
            );
            assert!(
                (moments.derivative_square - slope * slope).abs() < 1e-9,
                "{activation}"
            );
        }
        assert!(Pair::of(Mish).bend < 0.15 && !Pair::of(Mish).is_linear());
        assert!(Pair::of(Selu).bend > 0.15);
        assert_eq!(Pair::of(Abs).bend, f64::INFINITY);
    }
}
