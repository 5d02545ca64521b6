//! What theory expects of a network that was measured.

use semilla_signal::Measurement;
use semilla_signal::theory::{Predicted, Prediction, Scores};
use serde::Serialize;

/// What theory expects, and how far what was measured is from it.
#[derive(Default, Serialize)]
pub(crate) struct Expected {
    pub(crate) prediction: Prediction,
    /// For each predicted layer.
    scores: Vec<Scores>,
}

impl Expected {
    /// A prediction beside measurements.
    pub(crate) fn new(prediction: Prediction, measurements: &[Measurement]) -> Self {
        Self {
            scores: prediction.scores(measurements),
            prediction,
        }
    }

    /// What it expects of layers with these weights, and how far they are from it.
    pub(crate) fn of(&self, weights: &[&str]) -> Vec<(&Predicted, &Scores)> {
        let pairs = self.prediction.layers.iter().zip(&self.scores);
        pairs
            .filter(|(layer, _)| weights.contains(&&*layer.weight))
            .collect()
    }
}
