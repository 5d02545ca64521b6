//! Steps of optimizers.

use std::borrow::Cow;
use std::str::FromStr;

use pulp::{Arch, NullaryFnOnce};
use semilla::scheme;
use serde::{Deserialize, Serialize};

use super::network::{Network, Uses};
use crate::executor::{Gradients, Trace};
use crate::sums;

/// An optimizer, with PyTorch's usual constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Gradient descent.
    Sgd,
    /// Gradient descent with momentum 0.9.
    Momentum,
    /// Adam with β = (0.9, 0.999), ε = 1e-8: Kingma & Ba 2015, algorithm 1.
    Adam,
    /// Adam with weight decay beside the gradient, 0.01 unless stated: Loshchilov & Hutter 2019.
    Adamw,
}

impl Optimizer {
    /// Every optimizer.
    pub const ALL: [Self; 4] = [Self::Sgd, Self::Momentum, Self::Adam, Self::Adamw];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
        }
    }

    /// The kind that schemes have factors for.
    pub fn kind(self) -> scheme::Optimizer {
        match self {
            Self::Sgd | Self::Momentum => scheme::Optimizer::Sgd,
            Self::Adam | Self::Adamw => scheme::Optimizer::Adam,
        }
    }

    /// A usual learning rate: 0.1 for plain gradient descent, 0.01 with momentum, 0.001 for Adam.
    pub fn usual_lr(self) -> f64 {
        match self {
            Self::Sgd => 0.1,
            Self::Momentum => 0.01,
            Self::Adam | Self::Adamw => 0.001,
        }
    }
}

impl FromStr for Optimizer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|optimizer| optimizer.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no optimizer; choose one of {names}")
        })
    }
}

/// An optimizer at work.
pub struct Stepper {
    optimizer: Optimizer,
    lr: f64,
    decay: f64,
    time: i32,
    /// First and second moments, by the weight's place in its network.
    moments: Vec<Moments>,
}

#[derive(Default)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Stepper {
    /// An optimizer at this learning rate, before its first step.
    pub fn new(optimizer: Optimizer, lr: f64) -> Self {
        Self {
            optimizer,
            lr,
            decay: match optimizer {
                Optimizer::Adamw => 0.01,
                _ => 0.0,
            },
            time: 0,
            moments: Vec::new(),
        }
    }

    /// With this weight decay: beside the gradient for AdamW, added to it for the others.
    pub fn with_decay(mut self, decay: f64) -> Self {
        self.decay = decay;
        self
    }

    /// Changes the learning rate of the steps to come.
    pub fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// The optimizer.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Changes every weight that has a gradient. A factor on a layer's output multiplies the
    /// gradient, one on the learning rate the step.
    pub fn step(
        &mut self,
        network: &mut Network<'_>,
        trace: &Trace<f32>,
        gradients: &Gradients<f32>,
    ) {
        let uses = network.uses(trace);
        self.step_at(network, &uses, gradients);
    }

    /// The same, of a trace whose uses of weights are known.
    pub(super) fn step_at(
        &mut self,
        network: &mut Network<'_>,
        uses: &Uses,
        gradients: &Gradients<f32>,
    ) {
        self.time += 1;
        for (place, values) in uses.iter() {
            let (factor, own_lr) = network.factors(place);
            // A weight that the graph takes in several places has the sum of their gradients.
            let mut terms = values.iter().filter_map(|&id| gradients.of(id));
            let Some(first) = terms.next() else {
                continue;
            };
            let mut gradient = Cow::Borrowed(first.data());
            for term in terms {
                sums::add(gradient.to_mut(), 1.0, term.data());
            }
            if factor != 1.0 {
                let factor = factor as f32;
                gradient.to_mut().iter_mut().for_each(|g| *g *= factor);
            }
            let rule = Rule {
                optimizer: self.optimizer,
                lr: self.lr * own_lr,
                decay: self.decay,
                time: self.time,
            };
            if self.moments.len() <= place {
                self.moments.resize_with(place + 1, Moments::default);
            }
            let moments = &mut self.moments[place];
            network.change_at(place, |values| {
                Arch::new().dispatch(Update {
                    rule,
                    values,
                    gradient: &gradient,
                    moments,
                });
            });
        }
    }
}

/// How one weight is changed.
struct Rule {
    optimizer: Optimizer,
    lr: f64,
    decay: f64,
    time: i32,
}

/// The update of one weight's values.
struct Update<'a> {
    rule: Rule,
    values: &'a mut [f32],
    gradient: &'a [f32],
    moments: &'a mut Moments,
}

impl NullaryFnOnce for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const MOMENTUM: f32 = 0.9;
        const BETAS: (f64, f64) = (0.9, 0.999);
        const EPSILON: f32 = 1e-8;
        let Self {
            rule,
            values,
            gradient,
            moments,
        } = self;
        let (lr, decay) = (rule.lr as f32, rule.decay as f32);
        let all = values.iter_mut().zip(gradient);
        match rule.optimizer {
            Optimizer::Sgd => all.for_each(|(value, &g)| *value -= lr * (g + decay * *value)),
            Optimizer::Momentum => {
                moments.first.resize(gradient.len(), 0.0);
                for ((value, &g), first) in all.zip(&mut moments.first) {
                    *first = settled(MOMENTUM * *first + (g + decay * *value));
                    *value -= lr * *first;
                }
            }
            Optimizer::Adam | Optimizer::Adamw => {
                moments.first.resize(gradient.len(), 0.0);
                moments.second.resize(gradient.len(), 0.0);
                let (first_part, second_part) = ((1.0 - BETAS.0) as f32, (1.0 - BETAS.1) as f32);
                let corrections = (1.0 - BETAS.0.powi(rule.time), 1.0 - BETAS.1.powi(rule.time));
                let step = (rule.lr / corrections.0) as f32;
                let root = (1.0 / corrections.1.sqrt()) as f32;
                // Beside the gradient, or added to it.
                let (beside, added) = match rule.optimizer {
                    Optimizer::Adamw => ((1.0 - rule.lr * rule.decay) as f32, 0.0),
                    _ => (1.0, decay),
                };
                let moments = moments.first.iter_mut().zip(&mut moments.second);
                for ((value, &g), (first, second)) in all.zip(moments) {
                    let g = g + added * *value;
                    *first = settled(*first + first_part * (g - *first));
                    *second = settled(*second + second_part * (g * g - *second));
                    *value = beside * *value - step * *first / (second.sqrt() * root + EPSILON);
                }
            }
        }
    }
}

/// A moment, or 0 where it has decayed to less than any that matters: it would go on to subnormal
/// numbers and stay there, and these take a CPU a hundred times as long as others.
#[inline(always)]
fn settled(moment: f32) -> f32 {
    const LEAST: f32 = 1e-30;
    if moment.abs() < LEAST { 0.0 } else { moment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_decay_to_zero() {
        let mut moment = 1.0;
        for _ in 0..700 {
            moment = settled(0.9 * moment);
            assert!(moment == 0.0 || moment.is_normal());
        }
        assert_eq!(moment, 0.0);
        assert!(settled(f32::NAN).is_nan());
    }

    /// Two steps on the gradients 1 and -0.5, from 1.
    fn two(optimizer: Optimizer) -> f64 {
        let (mut values, mut moments) = ([1.0f32], Moments::default());
        for (time, gradient) in [(1, 1.0), (2, -0.5)] {
            let rule = Rule {
                optimizer,
                lr: 0.1,
                decay: if optimizer == Optimizer::Adamw {
                    0.01
                } else {
                    0.0
                },
                time,
            };
            let update = Update {
                rule,
                values: &mut values,
                gradient: &[gradient],
                moments: &mut moments,
            };
            update.call();
        }
        values[0].into()
    }

    #[test]
    fn steps_are_those_of_the_papers() {
        // By hand. Adam: m = 0.1, v = 0.001; then m = 0.04, v = 0.001249.
        let adam = 1.0 - 0.1 - 0.1 * (0.04 / 0.19) / (0.001_249f64 / 0.001_999).sqrt();
        let adamw = (0.999 - 0.1) * 0.999 - 0.1 * (0.04 / 0.19) / (0.001_249f64 / 0.001_999).sqrt();
        for (optimizer, expected) in [
            (Optimizer::Sgd, 0.95),
            (Optimizer::Momentum, 1.0 - 0.1 - 0.1 * 0.4),
            (Optimizer::Adam, adam),
            (Optimizer::Adamw, adamw),
        ] {
            let found = two(optimizer);
            assert!(
                (found - expected).abs() < 1e-6,
                "{optimizer:?}: {found}, not {expected}"
            );
        }
    }
}
