//! What speaks against training from given weights, as one number.

use serde::Serialize;

use super::measurement::{Measurement, Point};

/// One learning rate serves both ends of a network whose squared gradients differ by less than
/// this many powers of e (20-fold).
const ABSORBED: f64 = 3.0;

/// What a network loses on its way, in nats (powers of e). 0 is a network that loses nothing, such
/// as an orthogonal linear one.
///
/// Of networks trained at their best learning rates the total ranks the losses
/// (`benches/signal/verdict`): gradients alone do not tell a start that keeps samples apart from
/// one that maps them all to a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trouble {
    /// |ln g₁/g_L| of the squared gradients at both ends of the main path.
    pub gradients: f64,
    /// ln of how much smaller the share of the signal that tells samples apart is at the path's end
    /// than at its start; 0 where it grows.
    pub alike: f64,
    /// ln of how many times fewer the directions are in which samples differ; 0 where they grow.
    pub directions: f64,
    /// All of it: the headline of a verdict. Gradients count from a factor of e³ on, which one
    /// learning rate absorbs, and half along weights whose scale a normalization takes away.
    pub total: f64,
}

impl Trouble {
    /// The mean over measurements; `None` without a main path, infinite where nothing arrives.
    pub fn of(measurements: &[Measurement]) -> Option<Self> {
        let each: Option<Vec<Self>> = measurements.iter().map(Self::of_one).collect();
        let each = each.filter(|each| !each.is_empty())?;
        let mean = |of: fn(&Self) -> f64| each.iter().map(of).sum::<f64>() / each.len() as f64;
        let steps: f64 = (measurements.iter())
            .map(|measured| match measured.log_steps().first() {
                Some(log) if !log.is_nan() => log.abs(),
                _ => f64::INFINITY,
            })
            .sum();
        let found = Self {
            gradients: mean(|one| one.gradients),
            alike: mean(|one| one.alike),
            directions: mean(|one| one.directions),
            total: 0.0,
        };
        Some(found.in_all(steps / each.len() as f64))
    }

    fn of_one(measured: &Measurement) -> Option<Self> {
        let (first, last) = measured.ends()?;
        let share = |point: &Point| point.forward.between_samples / point.forward.second_moment;
        // Where both are 0 nothing arrives.
        let log = |a: f64, b: f64| match (a / b).ln() {
            log if log.is_nan() => f64::INFINITY,
            log => log,
        };
        Some(Self {
            gradients: log(first.gradient, last.gradient).abs(),
            alike: log(share(first), share(last)).max(0.0),
            directions: log(first.directions, last.directions).max(0.0),
            total: 0.0,
        })
    }

    /// With its total, of which `steps` is what steps of training see of the gradients.
    pub(crate) fn in_all(self, steps: f64) -> Self {
        let total = (steps - ABSORBED).max(0.0) + self.alike + self.directions;
        Self { total, ..self }
    }
}
