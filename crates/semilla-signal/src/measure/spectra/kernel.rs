//! The tangent kernel.

use serde::Serialize;

use super::rotations::of_columns;
use crate::array::{Array, size};
use crate::executor::{Trace, ValueId};
use crate::measure::measurement::noise;
use crate::sums::{dot, sum_of_pairs};

/// Gradients that are held at a time, in numbers.
const MOST: usize = 1 << 27;

/// The tangent kernel of an output on the samples of a batch: the products of the gradients that
/// its weights get from each of them, along one random direction of the output.
///
/// Large condition numbers mean that samples differ in directions that training hardly moves. For
/// a deep network at the edge of chaos (m + 2)/2 of m samples is expected, (m + 3)/3 with ReLU
/// (Xiao, Pennington & Schoenholz 2020, table 1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kernel {
    /// The samples.
    pub samples: usize,
    /// The largest eigenvalue over the smallest; `None` where the smallest is 0.
    pub condition: Option<f64>,
    /// How many samples its eigenvalues amount to: (Σλ)²/Σλ².
    pub effective_rank: f64,
}

impl Kernel {
    pub(super) fn of(trace: &Trace<f64>, output: ValueId, seed: u64) -> Option<Self> {
        let shape = trace.array(output).shape();
        let weights: Vec<ValueId> = trace.weights().iter().map(|(_, id)| *id).collect();
        let numbers: usize = weights.iter().map(|&id| trace.array(id).data().len()).sum();
        let samples = shape.first().copied()?.min(MOST / numbers.max(1));
        if samples < 2 {
            return None;
        }
        let per_sample = size(&shape[1..]);
        let direction = noise::<f64>(&shape[1..], seed).into_data();
        let gradient = |sample: usize| -> Vec<f32> {
            let mut start = Array::filled(shape, 0.0);
            start.data_mut()[sample * per_sample..][..per_sample].copy_from_slice(&direction);
            let gradients = trace.gradients_of_weights([(output, start)]);
            let mut all = Vec::with_capacity(numbers);
            for &id in &weights {
                match gradients.of(id) {
                    Some(array) => all.extend(array.data().iter().map(|&g| g as f32)),
                    None => all.resize(all.len() + trace.array(id).data().len(), 0.0),
                }
            }
            all
        };
        let gradients: Vec<Vec<f32>> = (0..samples).map(gradient).collect();
        let product = |a: &[f32], b: &[f32]| sum_of_pairs(a, b, |a, b| f64::from(a) * f64::from(b));
        let row = |a: &Vec<f32>| gradients.iter().map(|b| product(a, b)).collect();
        let kernel: Vec<Vec<f64>> = gradients.iter().map(row).collect();
        let trace: f64 = (0..samples).map(|i| kernel[i][i]).sum();
        let squares: f64 = kernel.iter().map(|row| dot(row, row)).sum();
        if squares <= 0.0 || !squares.is_finite() {
            return None;
        }
        // The products are exact to the roundings of gradients.
        let (least, values) = (f64::from(f32::EPSILON), of_columns(kernel));
        let (first, last) = (values[0], values[samples - 1]);
        Some(Self {
            samples,
            condition: (last > least * first).then(|| first / last),
            effective_rank: trace * trace / squares,
        })
    }
}
