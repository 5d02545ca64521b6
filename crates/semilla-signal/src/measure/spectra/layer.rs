//! One layer: what it makes, and its weight.

use serde::Serialize;

use super::krylov::{Map, extremes};
use crate::array::Array;
use crate::executor::Trace;
use crate::measure::directions::participation;
use crate::measure::layers::Found;
use crate::sums::{add, dot};

/// Steps toward the largest singular value of a weight.
const STEPS: usize = 16;
/// Slopes below this part of the greatest are flat.
const FLAT: f64 = 0.1;

/// What singular values show of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSpectrum {
    /// The name of its weight.
    pub weight: String,
    /// Of how many samples' directions what it makes (after its activation) amounts to:
    /// (Σλ)²/Σλ² with λ the eigenvalues of the samples' products, a lower bound of the rank.
    /// Near 1 all samples point the same way (Daneshmand et al. 2020).
    pub effective_rank: f64,
    /// The part of units on which the activation's slope is, in the mean over samples, below a
    /// tenth of its greatest: of a sigmoid the saturated ones, of a ReLU those that are mostly off.
    pub saturated: Option<f64>,
    /// The sum of squared singular values of its weight over the largest one's square.
    pub stable_rank: f64,
    /// The largest singular value of its weight, flattened to the first axis by the rest.
    pub largest: f64,
    /// That value over the edge σ(√rows + √columns) of Marchenko and Pastur's law, which it is
    /// near for independent weights. Above it a direction stands out, as after training or with
    /// weights of a mean that is not 0; semi-orthogonal matrices are below.
    pub edge: f64,
}

impl LayerSpectrum {
    pub(super) fn of(trace: &Trace<f64>, layer: &Found) -> Self {
        let (weight, id) = &trace.weights()[layer.weight];
        let made = trace.array(layer.activated.unwrap_or(layer.output));
        let matrix = Matrix::of(trace.array(*id));
        let squares = dot(matrix.data, matrix.data);
        // Rows that are not alike start in all directions.
        let start: Vec<f64> = (0..matrix.rows)
            .map(|row| 1.0 + ((row * 7919) % 104_729) as f64 / 104_729.0)
            .map(|x| if x > 1.5 { x } else { -x })
            .collect();
        let largest = extremes(&matrix, &start, STEPS).map_or(0.0, |found| found.largest);
        let (rows, columns) = (matrix.rows as f64, matrix.columns as f64);
        let deviation = (squares / (rows * columns).max(1.0)).sqrt();
        let edge = deviation * (rows.sqrt() + columns.sqrt());
        let of_largest = |value: f64| if largest > 0.0 { value } else { 0.0 };
        Self {
            weight: weight.clone(),
            effective_rank: effective_rank(made),
            saturated: saturated(trace, layer),
            stable_rank: of_largest(squares / (largest * largest)),
            largest,
            edge: of_largest(largest / edge),
        }
    }
}

/// Of how many directions the samples' products amount to.
fn effective_rank(array: &Array<f64>) -> f64 {
    let samples = array.shape().first().copied().unwrap_or(1).max(1);
    let len = (array.data().len() / samples).max(1);
    let rows: Vec<&[f64]> = array.data().chunks(len).collect();
    participation(&rows)
}

/// The part of units whose mean slope is below a tenth of the activation's greatest.
fn saturated(trace: &Trace<f64>, layer: &Found) -> Option<f64> {
    let activated = layer.activated?;
    let mut steps = trace.steps().iter();
    let step = steps.find(|step| step.outputs.contains(&activated))?;
    let slopes = step.slopes(trace.array(layer.output))?;
    let [least, greatest] = [-8.0, 8.0];
    let grid = (0..=320).map(|i| least + (greatest - least) * f64::from(i) / 320.0);
    let known = step.slopes(&Array::list(grid.collect()))?;
    let top = known.data().iter().fold(0.0f64, |top, x| top.max(x.abs()));
    let shape = slopes.shape();
    let units = shape.get(layer.units).copied().unwrap_or(1).max(1);
    let inner: usize = shape.iter().skip(layer.units + 1).product();
    let mut sums = vec![0.0; units];
    for (at, slope) in slopes.data().iter().enumerate() {
        sums[at / inner.max(1) % units] += slope.abs();
    }
    let each = (slopes.data().len() / units).max(1) as f64;
    let flat = sums.iter().filter(|&&sum| sum / each < FLAT * top).count();
    (top > 0.0).then(|| flat as f64 / units as f64)
}

/// A weight as a map from its later axes to its first.
struct Matrix<'a> {
    data: &'a [f64],
    rows: usize,
    columns: usize,
}

impl<'a> Matrix<'a> {
    fn of(array: &'a Array<f64>) -> Self {
        let rows = array.shape().first().copied().unwrap_or(1).max(1);
        Self {
            data: array.data(),
            rows,
            columns: (array.data().len() / rows).max(1),
        }
    }
}

impl Map for Matrix<'_> {
    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.data.chunks(self.columns);
        rows.map(|row| dot(row, x)).collect()
    }

    fn back(&self, y: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.columns];
        for (row, y) in self.data.chunks(self.columns).zip(y) {
            add(&mut sum, *y, row);
        }
        sum
    }
}
