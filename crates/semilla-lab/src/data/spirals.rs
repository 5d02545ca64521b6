//! Points of the plane on spirals that wind around each other.

use std::f64::consts::TAU;

use super::generated::{Generated, Parameters};
use super::random::{Random, normals};
use crate::error::LabError;

/// Points on spirals, a class each: radius r from 0 to 1, angle 2π (turns · r + arm / arms), and
/// normal noise on both coordinates.
pub(crate) fn spirals(mut parameters: Parameters<'_>) -> Result<Generated, LabError> {
    let arms = parameters.take("arms", 2, (1, 100))?;
    let samples = parameters.take("samples", 1000, (1, 10_000_000))?;
    let noise = parameters.take("noise", 0.03, (0.0, 100.0))?;
    let turns = parameters.take("turns", 1.25, (0.0, 100.0))?;
    let seed = parameters.take("seed", 0, (0, u64::MAX))?;
    parameters.end(&["arms", "samples", "noise", "turns", "seed"])?;
    let mut random = Random::new(seed, "spirals");
    let shifts = normals(seed, "spirals: noise", 2 * samples);
    let classes: Vec<i64> = (0..samples).map(|sample| (sample % arms) as i64).collect();
    let point = |(&arm, shift): (&i64, &[f32])| {
        let radius = random.uniform();
        let angle = TAU * (turns * radius + arm as f64 / arms as f64);
        let at = |place: f64, shift: f32| (radius * place + noise * f64::from(shift)) as f32;
        vec![
            at(libm::cos(angle), shift[0]),
            at(libm::sin(angle), shift[1]),
        ]
    };
    let samples = classes.iter().zip(shifts.chunks(2)).map(point).collect();
    Ok(Generated {
        shape: vec![2],
        samples,
        classes,
        are_pixels: false,
    })
}
