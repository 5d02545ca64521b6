//! Predicted beside measured.

use serde::Serialize;

use super::prediction::{Predicted, Prediction, Spread};
use crate::measure::{Layer, Measurement};

/// Single precision and the maps of activations leave this much of a logarithm undecided.
const UNDECIDED: f64 = 3e-3;

/// Below this part of the second moment, differences between samples are rounding errors.
const ROUNDED: f64 = 1e-9;

/// How far the measured mean of several networks is from the predicted one, in standard deviations
/// of that mean. `None` where one of them is not there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// The layer's weight.
    pub weight: String,
    /// Of the mean.
    pub mean: Option<f64>,
    /// Of the logarithm of the second moment.
    pub second_moment: Option<f64>,
    /// Of the logarithm of the variance between samples.
    pub between_samples: Option<f64>,
    /// Of the cosine.
    pub cosine: Option<f64>,
    /// Of the logarithm of the gradient's squared norm.
    pub gradient: Option<f64>,
}

impl Scores {
    /// The score of a signal's or gradient's length that is farthest from 0.
    pub fn worst(&self) -> Option<f64> {
        let all = [self.second_moment, self.between_samples, self.gradient];
        let found = all.into_iter().flatten();
        found.max_by(|a, b| a.abs().total_cmp(&b.abs()))
    }
}

impl Prediction {
    /// Compares each predicted layer with measurements of networks that differ in the seed of their
    /// weights.
    pub fn scores(&self, measurements: &[Measurement]) -> Vec<Scores> {
        self.layers
            .iter()
            .map(|layer| scores(layer, measurements))
            .collect()
    }
}

fn scores(predicted: &Predicted, measurements: &[Measurement]) -> Scores {
    let measured = |run| measured(run, &predicted.weight);
    let runs: Option<Vec<_>> = measurements.iter().map(measured).collect();
    let runs = runs.unwrap_or_default();
    // What is known roughly only is compared with nothing.
    let forward = |value: Option<f64>| value.filter(|_| !predicted.is_rough);
    let each = |of: &dyn Fn(&Measurement, &Layer) -> Option<f64>| -> Vec<f64> {
        let found = runs.iter().map(|(run, layer)| of(run, layer));
        found.collect::<Option<_>>().unwrap_or_default()
    };
    let spread = &predicted.spread;
    let linear = |values: Vec<f64>, expected: Option<f64>, deviation: Option<f64>| {
        let (expected, deviation) = (expected?, deviation?);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let size = predicted.second_moment.sqrt().max(f64::MIN_POSITIVE);
        let floor = UNDECIDED
            * if expected.abs() <= 1.0 {
                1.0f64.min(size)
            } else {
                size
            };
        let score = (mean - expected) / (deviation.hypot(floor) / count.sqrt());
        score.is_finite().then_some(score)
    };
    Scores {
        weight: predicted.weight.clone(),
        mean: linear(
            each(&|_, layer| Some(layer.forward.mean)),
            forward(Some(predicted.mean)),
            predicted.mean_spread,
        ),
        second_moment: logarithmic(
            &each(&|_, layer| Some(layer.forward.second_moment)),
            forward(Some(predicted.second_moment)),
            spread.second_moment,
        ),
        between_samples: logarithmic(
            &each(&|_, layer| Some(layer.forward.between_samples)),
            forward(predicted.between_samples).filter(|d| *d > ROUNDED * predicted.second_moment),
            spread.between_samples,
        ),
        cosine: linear(
            each(&|_, layer| layer.forward.cosine),
            forward(predicted.cosine),
            predicted.cosine_spread,
        ),
        gradient: logarithmic(
            &each(&|run, layer| Some(layer.backward?.squared_norm / run.output_gradient)),
            (predicted.gradient).filter(|_| !predicted.is_gradient_rough),
            spread.gradient,
        ),
    }
}

/// A run, and its layer with this weight.
fn measured<'m>(run: &'m Measurement, weight: &str) -> Option<(&'m Measurement, &'m Layer)> {
    let layer = run.layers.iter().find(|layer| layer.weight == weight)?;
    Some((run, layer))
}

fn logarithmic(values: &[f64], expected: Option<f64>, spread: Spread) -> Option<f64> {
    let expected = expected?;
    if expected == 0.0 && values.iter().all(|&value| value == 0.0) {
        return (!values.is_empty()).then_some(0.0);
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|value| value.ln()).sum::<f64>() / count;
    let deviation = spread.deviation.hypot(UNDECIDED) / count.sqrt();
    let score = (mean - expected.ln() - spread.drift) / deviation;
    score.is_finite().then_some(score)
}
