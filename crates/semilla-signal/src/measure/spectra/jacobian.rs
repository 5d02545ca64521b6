//! The Jacobian between two arrays of a trace.

use serde::Serialize;

use super::krylov::{Map, extremes};
use crate::array::{Array, size};
use crate::executor::{Trace, ValueId};
use crate::measure::measurement::noise;
use crate::sums::dot;

/// Random directions for means over the spectrum.
const PROBES: u64 = 8;
/// Steps toward the extreme singular values, at most.
const STEPS: usize = 60;

/// Singular values s of the Jacobian of one array of the main path by an earlier one, over all
/// samples of the batch. A sample has as many as the smaller array has elements.
///
/// Products with the Jacobian are exact to about 1e-9 of its largest singular value
/// ([`Trace::changes`](crate::Trace::changes)); smaller singular values are rounding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Jacobian {
    /// The weight of the last layer before the first array.
    pub from: String,
    /// The weight of the last layer before the second.
    pub to: String,
    /// The elements of a sample of the first array.
    pub inputs: usize,
    /// The elements of a sample of the second.
    pub outputs: usize,
    /// The mean of s²: by what factor a random direction's squared length changes.
    pub mean_square: f64,
    /// The standard error of that mean, which is estimated from 8 random directions.
    pub mean_square_error: f64,
    /// The variance of s² over its squared mean: 0 of an isometry. In theory L of L Gaussian layers
    /// without activations, 2L of Gaussian ReLU layers and L of orthogonal ones (Pennington,
    /// Schoenholz & Ganguli 2017, section 2).
    pub spread: f64,
    /// The largest s, from below.
    pub largest: f64,
    /// An s lies within this of the largest found.
    pub largest_error: f64,
    /// The smallest s found: no s is known to be smaller, but one may be.
    pub smallest: f64,
}

impl Jacobian {
    /// `None` where nothing comes back from the second array to the first.
    pub(super) fn of(
        trace: &Trace<f64>,
        names: [String; 2],
        ends: [ValueId; 2],
        seed: u64,
    ) -> Option<Self> {
        let map = Between { trace, ends };
        let shapes = ends.map(|end| trace.array(end).shape());
        let sizes = shapes.map(size);
        let samples = shapes.map(|shape| shape.first().copied().unwrap_or(1).max(1));
        let count = sizes[0].min(sizes[1]) as f64;
        let probe = |index: u64| {
            let mut y = noise::<f64>(shapes[1], seed.wrapping_add(index)).into_data();
            // Of length √n: an isometry is measured without noise.
            let scale = (sizes[1] as f64 / dot(&y, &y)).sqrt();
            y.iter_mut().for_each(|y| *y *= scale);
            y
        };
        let mut squares = Vec::new();
        let mut fourths = 0.0;
        for index in 0..PROBES {
            let back = map.back(&probe(index));
            squares.push(dot(&back, &back) / count);
            let both = map.forward(&back);
            fourths += dot(&both, &both) / count / PROBES as f64;
        }
        let probes = PROBES as f64;
        let mean_square = squares.iter().sum::<f64>() / probes;
        let variance: f64 = squares.iter().map(|x| (x - mean_square).powi(2)).sum();
        let found = extremes(&map, &probe(PROBES), STEPS)?;
        let [from, to] = names;
        Some(Self {
            from,
            to,
            inputs: sizes[0] / samples[0],
            outputs: sizes[1] / samples[1],
            mean_square,
            mean_square_error: (variance / (probes - 1.0) / probes).sqrt(),
            spread: (fourths / (mean_square * mean_square) - 1.0).max(0.0),
            largest: found.largest,
            largest_error: found.error,
            smallest: found.smallest,
        })
    }
}

/// The Jacobian of the second array by the first, as a map.
struct Between<'t> {
    trace: &'t Trace<f64>,
    ends: [ValueId; 2],
}

impl Between<'_> {
    fn array(&self, end: usize, data: &[f64]) -> Array<f64> {
        let shape = self.trace.array(self.ends[end]).shape();
        Array::new(shape, data.to_vec()).expect("a vector of the array's size")
    }

    fn flat(&self, end: usize, found: Option<&Array<f64>>) -> Vec<f64> {
        let zeros = || vec![0.0; self.trace.array(self.ends[end]).data().len()];
        found.map_or_else(zeros, |array| array.data().to_vec())
    }
}

impl Map for Between<'_> {
    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let changes = self.trace.changes([(self.ends[0], self.array(0, x))]);
        self.flat(1, changes.of(self.ends[1]))
    }

    fn back(&self, y: &[f64]) -> Vec<f64> {
        let seed = (self.ends[1], self.array(1, y));
        let gradients = self.trace.gradients_to([seed], &self.ends[..1]);
        self.flat(0, gradients.of(self.ends[0]))
    }
}
