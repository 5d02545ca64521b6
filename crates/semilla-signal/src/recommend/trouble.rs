//! One number for what a measurement shows of a network's chances.

use serde::Serialize;

use crate::measure::{Measurement, Point};

/// What speaks against training from given weights, in nats: powers of e that gradients and
/// differences between samples are off by. 0 is an isometry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trouble {
    /// |ln g₁/g_L| of the squared gradients at both ends of the main path.
    pub gradients: f64,
    /// ln of how much smaller the share of the signal that tells samples apart is at the path's end
    /// than at its start; 0 where it grows.
    pub alike: f64,
}

impl Trouble {
    /// The mean over measurements; `None` without a main path, infinite where nothing arrives.
    pub fn of(measurements: &[Measurement]) -> Option<Self> {
        let each: Option<Vec<Self>> = measurements.iter().map(Self::of_one).collect();
        let each = each.filter(|each| !each.is_empty())?;
        let mean = |of: fn(&Self) -> f64| each.iter().map(of).sum::<f64>() / each.len() as f64;
        Some(Self {
            gradients: mean(|one| one.gradients),
            alike: mean(|one| one.alike),
        })
    }

    fn of_one(measured: &Measurement) -> Option<Self> {
        let [first, .., last] = &*measured.path else {
            return None;
        };
        let share = |point: &Point| point.forward.between_samples / point.forward.second_moment;
        let known = |log: f64| if log.is_nan() { f64::INFINITY } else { log };
        Some(Self {
            gradients: known((first.gradient / last.gradient).ln().abs()),
            alike: known((share(first) / share(last)).ln()).max(0.0),
        })
    }

    /// Both together.
    pub fn total(&self) -> f64 {
        self.gradients + self.alike
    }
}
