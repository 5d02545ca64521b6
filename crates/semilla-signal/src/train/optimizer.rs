//! Steps of optimizers.

use std::collections::HashMap;
use std::str::FromStr;

use semilla::scheme;
use serde::{Deserialize, Serialize};

use super::network::Network;
use crate::executor::{Gradients, Trace};

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
    /// First and second moments, by the weight's name.
    moments: HashMap<String, Moments>,
}

#[derive(Default)]
struct Moments {
    first: Vec<f64>,
    second: Vec<f64>,
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
            moments: HashMap::new(),
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
        self.time += 1;
        // A weight that the graph takes in several places has the sum of their gradients.
        let mut sums: HashMap<&str, Vec<f64>> = HashMap::new();
        for (name, id) in trace.weights() {
            let Some(gradient) = gradients.of(*id) else {
                continue;
            };
            let factor = network
                .parameter(name)
                .map_or(1.0, |parameter| parameter.multiplier);
            let terms = gradient.data().iter().map(|&g| f64::from(g) * factor);
            match sums.get_mut(&**name) {
                Some(sum) => sum
                    .iter_mut()
                    .zip(terms)
                    .for_each(|(sum, term)| *sum += term),
                None => {
                    sums.insert(name, terms.collect());
                }
            }
        }
        for (name, gradient) in sums {
            let lr = self.lr
                * network
                    .parameter(name)
                    .map_or(1.0, |parameter| parameter.lr);
            let moments = self.moments.entry(name.to_owned()).or_default();
            let rule = Rule {
                optimizer: self.optimizer,
                lr,
                decay: self.decay,
                time: self.time,
            };
            network.change(name, |values| rule.update(values, &gradient, moments));
        }
    }
}

/// The update of one weight.
struct Rule {
    optimizer: Optimizer,
    lr: f64,
    decay: f64,
    time: i32,
}

impl Rule {
    fn update(&self, values: &mut [f32], gradient: &[f64], moments: &mut Moments) {
        const MOMENTUM: f64 = 0.9;
        const BETAS: (f64, f64) = (0.9, 0.999);
        const EPSILON: f64 = 1e-8;
        moments.first.resize(values.len(), 0.0);
        moments.second.resize(values.len(), 0.0);
        let corrections = (1.0 - BETAS.0.powi(self.time), 1.0 - BETAS.1.powi(self.time));
        let all = values
            .iter_mut()
            .zip(gradient)
            .zip(&mut moments.first)
            .zip(&mut moments.second);
        for (((value, &gradient), first), second) in all {
            let before = f64::from(*value);
            let gradient = match self.optimizer {
                Optimizer::Adamw => gradient,
                _ => gradient + self.decay * before,
            };
            let after = match self.optimizer {
                Optimizer::Sgd => before - self.lr * gradient,
                Optimizer::Momentum => {
                    *first = MOMENTUM * *first + gradient;
                    before - self.lr * *first
                }
                Optimizer::Adam | Optimizer::Adamw => {
                    *first += (1.0 - BETAS.0) * (gradient - *first);
                    *second += (1.0 - BETAS.1) * (gradient * gradient - *second);
                    let scale = (*second / corrections.1).sqrt() + EPSILON;
                    let decayed = match self.optimizer {
                        Optimizer::Adamw => before * (1.0 - self.lr * self.decay),
                        _ => before,
                    };
                    decayed - self.lr * (*first / corrections.0) / scale
                }
            };
            *value = after as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            rule.update(&mut values, &[gradient], &mut moments);
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
