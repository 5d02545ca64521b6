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
        let each: Option<Vec<[f64; 4]>> = measurements.iter().map(lost).collect();
        let each = each.filter(|each| !each.is_empty())?;
        let mean = |at: usize| each.iter().map(|one| one[at]).sum::<f64>() / each.len() as f64;
        Some(Self::new(mean(0), mean(1), mean(2), mean(3)))
    }

    /// `steps` is what steps of training see of the gradients.
    pub(crate) fn new(steps: f64, gradients: f64, alike: f64, directions: f64) -> Self {
        Self {
            gradients,
            alike,
            directions,
            total: (steps - ABSORBED).max(0.0) + alike + directions,
        }
    }
}

/// What one measurement loses: as steps of training see it, then of gradients, likeness and
/// directions.
fn lost(measured: &Measurement) -> Option<[f64; 4]> {
    let (first, last) = measured.ends()?;
    let share = |point: &Point| point.forward.between_samples / point.forward.second_moment;
    // Where both are 0 nothing arrives.
    let known = |log: f64| if log.is_nan() { f64::INFINITY } else { log };
    let log = |a: f64, b: f64| known((a / b).ln());
    let steps = measured.log_steps().first().copied();
    Some([
        known(steps.unwrap_or(f64::NAN)).abs(),
        log(first.gradient, last.gradient).abs(),
        log(share(first), share(last)).max(0.0),
        log(first.directions, last.directions).max(0.0),
    ])
}
