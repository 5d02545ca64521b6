//! MNIST-1D: ten shapes on a line, moved, scaled, sheared and under noise.
//!
//! The construction of Greydanus & Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024,
//! section 2, with its constants; the random numbers are Semilla's own.

use super::generated::{Generated, Parameters};
use super::random::{Random, normals};
use crate::error::LabError;

/// The heights of each shape.
const SHAPES: [[f64; 12]; 10] = [
    [5.0, 6.0, 6.5, 6.75, 7.0, 7.0, 7.0, 7.0, 6.75, 6.5, 6.0, 5.0],
    [5.0, 3.0, 3.0, 3.4, 3.8, 4.2, 4.6, 5.0, 5.4, 5.8, 5.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.25, 4.75, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.0, 5.0, 6.0, 6.5, 6.5, 6.0, 5.0],
    [5.0, 4.4, 3.8, 3.2, 2.6, 2.6, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    [5.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 6.5, 6.5, 6.0, 4.5, 5.0],
    [5.0, 4.0, 3.5, 3.25, 3.0, 3.0, 3.0, 3.0, 3.25, 3.5, 4.0, 5.0],
    [5.0, 7.0, 7.0, 6.6, 6.2, 5.8, 5.4, 5.0, 4.6, 4.2, 5.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 5.0, 5.0, 4.7, 4.3, 5.0],
];
/// The numbers of a sample.
const LENGTH: usize = 40;
/// Zeros behind a shape, at least and at most.
const PADDING: (usize, usize) = (36, 60);
/// The numbers before they become those of a sample.
const FINE: usize = 12 + PADDING.1;
/// A shape is moved by less than this.
const MOVES: usize = 48;
/// How much its size varies, and the line that is added.
const SCALE: f64 = 0.4;
const SHEAR: f64 = 0.75;
/// The noise beside the shape, which neighbours share, and the noise on all.
const SMOOTH: f64 = 0.25;
const ROUGH: f64 = 0.02;

/// Samples of the ten shapes in turns.
pub(crate) fn mnist1d(mut parameters: Parameters<'_>) -> Result<Generated, LabError> {
    let count = parameters.take("samples", 4000, (1, 10_000_000))?;
    let seed = parameters.take("seed", 0, (0, u64::MAX))?;
    parameters.end(&["samples", "seed"])?;
    let mut random = Random::new(seed, "mnist1d");
    let shapes = SHAPES.map(|heights| standardized(&heights));
    let smooth = normals(seed, "mnist1d: smooth noise", count * FINE);
    let rough = normals(seed, "mnist1d: rough noise", count * FINE);
    let classes: Vec<i64> = (0..count).map(|sample| (sample % 10) as i64).collect();
    let noises = smooth.chunks(FINE).zip(rough.chunks(FINE));
    let samples = classes.iter().zip(noises);
    let samples = samples.map(|(&class, (smooth, rough))| {
        let line = placed(&shapes[class as usize], &mut random);
        let smooth = smoothed(smooth);
        let noisy = line.iter().zip(smooth).zip(rough);
        let mut line: Vec<f64> = noisy
            .map(|((&x, smooth), &rough)| {
                let beside = if x == 0.0 { SMOOTH * smooth } else { x };
                beside + ROUGH * f64::from(rough)
            })
            .collect();
        let shear = SHEAR * (random.uniform() - 0.5);
        for (place, x) in line.iter_mut().enumerate() {
            *x -= shear * (place as f64 / (FINE - 1) as f64 - 0.5);
        }
        stretched(&line, LENGTH).iter().map(|&x| x as f32).collect()
    });
    let samples = samples.collect();
    Ok(Generated {
        // One scale for all, as for pixels: places are moved into each other.
        shape: vec![1, LENGTH],
        samples,
        classes,
        are_pixels: true,
    })
}

/// A shape of mean 0 and deviation 1, begun at 0, a sixth as high.
fn standardized(heights: &[f64; 12]) -> [f64; 12] {
    let mean = heights.iter().sum::<f64>() / 12.0;
    let variance = heights.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 12.0;
    heights.map(|x| (x - heights[0]) / variance.sqrt() / 6.0)
}

/// A shape with zeros behind it, stretched, scaled, and moved around the line's ends.
fn placed(shape: &[f64; 12], random: &mut Random) -> Vec<f64> {
    // Not exactly 0, which stands for the places beside the shape.
    let mut line: Vec<f64> = shape.iter().map(|x| x + 1e-8).collect();
    let zeros = PADDING.0 + random.below(PADDING.1 - PADDING.0 + 1);
    line.resize(12 + zeros, 0.0);
    let scale = 1.0 + SCALE * (random.uniform() - 0.5);
    let mut line: Vec<f64> = stretched(&line, FINE).iter().map(|x| x * scale).collect();
    line.rotate_right(random.below(MOVES));
    line
}

/// The line with so many points, between which it is straight.
fn stretched(line: &[f64], len: usize) -> Vec<f64> {
    let last = line.len() - 1;
    let point = |place: usize| {
        let at = place as f64 * last as f64 / (len - 1) as f64;
        let before = (at as usize).min(last - 1);
        let part = at - before as f64;
        line[before] * (1.0 - part) + line[before + 1] * part
    };
    (0..len).map(point).collect()
}

/// Noise under a Gaussian window of deviation 2, mirrored at the ends.
fn smoothed(noise: &[f32]) -> Vec<f64> {
    const REACH: isize = 8;
    let window: Vec<f64> = (-REACH..=REACH)
        .map(|step| libm::exp(-(step * step) as f64 / 8.0))
        .collect();
    let sum: f64 = window.iter().sum();
    let len = noise.len() as isize;
    let value = |at: isize| {
        let mirrored = match at {
            at if at < 0 => -at - 1,
            at if at >= len => 2 * len - 1 - at,
            at => at,
        };
        f64::from(noise[mirrored as usize])
    };
    let mean = |at: isize| {
        let terms = (-REACH..=REACH).zip(&window);
        terms
            .map(|(step, weight)| weight * value(at + step))
            .sum::<f64>()
            / sum
    };
    (0..len).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_there_in_turns() {
        let made = mnist1d(Parameters::read("mnist1d:samples=200").unwrap()).unwrap();
        assert_eq!((made.samples.len(), &*made.shape), (200, &[1, LENGTH][..]));
        assert_eq!(made.classes[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        let values = || made.samples.iter().flatten().map(|&x| f64::from(x));
        let (count, sum) = (values().count() as f64, values().sum::<f64>());
        let std = (values().map(|x| x * x).sum::<f64>() / count - (sum / count).powi(2)).sqrt();
        assert!((0.1..0.25).contains(&std), "{std}");
    }

    #[test]
    fn a_line_is_stretched() {
        assert_eq!(stretched(&[0.0, 2.0, 0.0], 5), [0.0, 1.0, 2.0, 1.0, 0.0]);
        let flat = smoothed(&[1.0; 20]);
        assert!(flat.iter().all(|x| (x - 1.0).abs() < 1e-12));
    }
}
