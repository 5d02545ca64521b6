//! What the weights on both sides of an activation do about it, in deep plain chains.

use crate::activation::{Activation, Function, Pair, Stability};
use crate::number::rounded;

/// How far pairs of units may be from linear.
const BEND: f64 = 0.15;
/// The deviation of biases at the edge of chaos. Without them, signals of odd functions shrink
/// layer by layer; with much larger ones, samples grow alike.
const BIAS_STD: f64 = 0.1;

/// What the weights on both sides of an activation do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Crossing {
    /// There is no activation.
    Nothing,
    /// Units come in pairs of opposite sign, which pass x on, times a slope.
    Pairs { slope: f64 },
    /// Gradients keep their size at this variance.
    Edge {
        gain: f64,
        bias_std: f64,
        variance: f64,
        /// Whether the value at 0 is taken out first.
        is_centred: bool,
    },
}

impl Crossing {
    /// `None` for functions that nothing better is known of than their variance-preserving gain.
    fn of(activation: Activation, is_biased: bool) -> Option<Self> {
        if activation == Activation::Linear {
            return Some(Self::Nothing);
        }
        let pair = Pair::of(activation);
        // Whether what is made of f(x) and f(-x) is 0 everywhere.
        let is = |off: &dyn Fn(f64, f64) -> f64| {
            let at = |x: f64| off(activation.value(x), activation.value(-x));
            [0.25, 0.5, 1.0, 2.0, 4.0]
                .into_iter()
                .all(|x| at(x).abs() < 1e-12)
        };
        let is_odd = is(&|plus, minus| plus + minus);
        if pair.bend < BEND && !is_odd {
            let slope = match pair.is_linear() {
                true => pair.slope,
                false => {
                    let moments = Function::of_pair(activation).moments(0.0, 1.0).ok()?;
                    moments.derivative_square.sqrt()
                }
            };
            return Some(Self::Pairs { slope });
        }
        let middle = activation.value(0.0);
        let is_centred = middle != 0.0 && is(&|plus, minus| plus + minus - 2.0 * middle);
        let bias_std = if is_biased { BIAS_STD } else { 0.0 };
        let function = match is_centred {
            true => Function::above_middle(activation),
            false => Function::from(activation),
        };
        let edge = function.edge_of_chaos(bias_std).ok()?;
        let is_stable = edge.fixed_point.stability() != Stability::Unstable;
        is_stable.then(|| Self::Edge {
            gain: edge.weight_variance.sqrt(),
            bias_std,
            variance: edge.fixed_point.q,
            is_centred,
        })
    }

    /// The same where a normalization follows the weights: their size does nothing.
    pub(super) fn normalized(self) -> Self {
        match self {
            Self::Nothing | Self::Pairs { .. } => self,
            Self::Edge { is_centred, .. } => Self::Edge {
                gain: 1.0,
                bias_std: 0.0,
                variance: 1.0,
                is_centred,
            },
        }
    }

    pub(super) fn is_centred(self) -> bool {
        matches!(
            self,
            Self::Edge {
                is_centred: true,
                ..
            }
        )
    }

    /// The gain of a layer that takes what is made here.
    pub(super) fn gain(self) -> f64 {
        match self {
            Self::Nothing => 1.0,
            Self::Pairs { slope } => 1.0 / slope,
            Self::Edge { gain, .. } => gain,
        }
    }

    /// The deviation that the first layer makes of inputs of variance 1.
    pub(super) fn first(self) -> f64 {
        match self {
            Self::Nothing | Self::Pairs { .. } => 1.0,
            Self::Edge { variance: 0.0, .. } => 1.0,
            Self::Edge {
                variance, bias_std, ..
            } => (variance - bias_std * bias_std).sqrt(),
        }
    }

    /// What is done, and why, in words.
    pub(super) fn reason(
        self,
        activation: Activation,
        layers: usize,
        is_normalized: bool,
    ) -> String {
        let behind = if is_normalized {
            " behind normalizations"
        } else {
            ""
        };
        let said = match self {
            Self::Nothing => {
                return format!(
                    "one of {layers} layers, with no activation behind: orthogonal, which passes on \
                     signals and gradients as they are"
                );
            }
            Self::Pairs { .. } if Pair::of(activation).is_linear() => {
                "units in pairs of opposite sign, which pass f(x) - f(-x) on: a straight line, so \
                 signals and gradients keep their size"
                    .to_owned()
            }
            Self::Pairs { .. } => "units in pairs of opposite sign, which pass f(x) - f(-x) on: \
                                   nearly a straight line, so signals and gradients keep their size"
                .to_owned(),
            Self::Edge {
                gain,
                bias_std,
                is_centred,
                ..
            } => {
                let centred = match is_centred {
                    true => format!(
                        "weights of an output add up to 0, so that the {} in the middle adds \
                         nothing; ",
                        rounded(activation.value(0.0))
                    ),
                    false => String::new(),
                };
                match is_normalized {
                    true => format!(
                        "{centred}orthogonal: all directions of signals and gradients keep their \
                         size"
                    ),
                    false => format!(
                        "{centred}orthogonal at the edge of chaos, gain {} with σ_b = {}: gradients \
                     keep their size",
                        rounded(gain),
                        rounded(bias_std)
                    ),
                }
            }
        };
        format!("{layers} layers of {activation}{behind}: {said}")
    }
}

/// Crossings, each computed once.
#[derive(Default)]
pub(super) struct Crossings(Vec<((Activation, bool), Option<Crossing>)>);

impl Crossings {
    pub(super) fn of(&mut self, activation: Activation, is_biased: bool) -> Option<Crossing> {
        let key = (activation, is_biased);
        if let Some((_, known)) = self.0.iter().find(|(known, _)| *known == key) {
            return *known;
        }
        let crossing = Crossing::of(activation, is_biased);
        self.0.push((key, crossing));
        crossing
    }
}
