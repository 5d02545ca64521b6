//! Statistics of an array of samples.

use serde::Serialize;

use crate::array::Array;
use crate::real::Real;

/// An array of activations on the way forward. Samples lie along its first axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forward {
    /// The mean of all elements.
    pub mean: f64,
    /// The mean of their squares.
    pub second_moment: f64,
    /// How much samples differ: the variance over samples, averaged over all places.
    pub between_samples: f64,
    /// How much places differ: the variance of their means over samples.
    pub between_units: f64,
    /// The mean cosine between two samples; `None` of a single sample or of zeros.
    pub cosine: Option<f64>,
}

/// An array of gradients on the way back. Samples lie along its first axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Backward {
    /// The squared norm of a sample's gradient, averaged over samples.
    pub squared_norm: f64,
    /// The part of units that get no gradient from any sample: dead ones.
    pub dead: f64,
}

impl Forward {
    /// The statistics of an array.
    pub fn of<T: Real>(array: &Array<T>) -> Self {
        let samples = samples(array);
        let count = samples.len().max(1) as f64;
        let places = samples.first().map_or(0, |sample| sample.len());
        let total = (count * places as f64).max(1.0);
        let all = || array.data().iter().map(|x| x.f64());
        let mean = all().sum::<f64>() / total;
        let second_moment = all().map(|x| x * x).sum::<f64>() / total;
        let mut means = vec![0.0; places];
        let mut sum_of_units = vec![0.0; places];
        let mut squares_of_units = 0.0;
        let mut with_direction = 0.0;
        for sample in &samples {
            let norm = sample.iter().map(|x| x.f64() * x.f64()).sum::<f64>().sqrt();
            for (mean, x) in means.iter_mut().zip(*sample) {
                *mean += x.f64() / count;
            }
            if norm > 0.0 {
                with_direction += 1.0;
                squares_of_units += 1.0;
                for (sum, x) in sum_of_units.iter_mut().zip(*sample) {
                    *sum += x.f64() / norm;
                }
            }
        }
        let mean_square_of_means =
            means.iter().map(|mean| mean * mean).sum::<f64>() / (places as f64).max(1.0);
        let pairs = with_direction * (with_direction - 1.0);
        let together: f64 = sum_of_units.iter().map(|sum| sum * sum).sum();
        Self {
            mean,
            second_moment,
            between_samples: (second_moment - mean_square_of_means).max(0.0),
            between_units: (mean_square_of_means - mean * mean).max(0.0),
            cosine: (pairs > 0.0).then(|| (together - squares_of_units) / pairs),
        }
    }
}

impl Backward {
    /// The statistics of the gradients of an array whose units lie along an axis.
    pub fn of<T: Real>(gradient: &Array<T>, units: usize) -> Self {
        let samples = samples(gradient).len().max(1) as f64;
        let squares: f64 = gradient.data().iter().map(|g| g.f64() * g.f64()).sum();
        let shape = gradient.shape();
        let count = shape.get(units).copied().unwrap_or(1);
        let inner: usize = shape.iter().skip(units + 1).product();
        let mut is_alive = vec![false; count];
        for (at, g) in gradient.data().iter().enumerate() {
            is_alive[at / inner.max(1) % count.max(1)] |= *g != T::zero();
        }
        let dead = is_alive.iter().filter(|alive| !**alive).count();
        Self {
            squared_norm: squares / samples,
            dead: dead as f64 / count.max(1) as f64,
        }
    }
}

/// The elements of each sample.
fn samples<T: Real>(array: &Array<T>) -> Vec<&[T]> {
    let count = array.shape().first().copied().unwrap_or(1);
    let len = array.data().len().checked_div(count).unwrap_or(0);
    match len {
        0 => Vec::new(),
        len => array.data().chunks(len).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_are_told_apart() {
        // Two samples of three units: units differ by 2, samples by 1 around them.
        let array = Array::new([2, 3], vec![-1.0, 1.0, 3.0, 1.0, 3.0, 5.0]).unwrap();
        let found = Forward::of(&array);
        assert_eq!(found.mean, 2.0);
        assert!((found.between_samples - 1.0).abs() < 1e-12);
        assert!((found.between_units - 8.0 / 3.0).abs() < 1e-12);
        let square = found.mean * found.mean + found.between_samples + found.between_units;
        assert!((found.second_moment - square).abs() < 1e-12);
        let cosine = (-1.0 + 3.0 + 15.0) / (11f64.sqrt() * 35f64.sqrt());
        assert!((found.cosine.unwrap() - cosine).abs() < 1e-12);
        assert_eq!(Forward::of(&Array::filled([2, 3], 0.0)).cosine, None);
    }

    #[test]
    fn units_without_gradients_are_dead() {
        let gradient = Array::new([2, 2, 2], vec![1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]).unwrap();
        let found = Backward::of(&gradient, 1);
        assert_eq!((found.squared_norm, found.dead), (2.5, 0.5));
        assert_eq!(Backward::of(&gradient, 2).dead, 0.0);
    }
}
