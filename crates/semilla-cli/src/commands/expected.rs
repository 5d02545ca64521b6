//! What theory expects of a network that was measured.

use semilla::Graph;
use semilla::graph::Initializer;
use semilla_checkpoint::ops::Planned;
use semilla_data::Data;
use semilla_signal::Measurement;
use semilla_signal::theory::{Given, Predicted, Prediction, Scores, WeightMoments, predict};
use serde::Serialize;

/// What theory expects, and how far what was measured is from it.
#[derive(Default, Serialize)]
pub(crate) struct Expected {
    pub(crate) prediction: Prediction,
    /// For each predicted layer.
    scores: Vec<Scores>,
}

impl Expected {
    /// What it expects of weights of these moments on these data.
    pub(crate) fn new(
        graph: &Graph,
        weights: impl Fn(&Initializer) -> Option<WeightMoments>,
        data: &Data,
        measurements: &[Measurement],
    ) -> Self {
        let inputs = data.inputs.iter();
        let given = inputs.map(|(name, datum)| (name.clone(), Given::of(datum)));
        let prediction = predict(graph, weights, &given.collect::<Vec<_>>());
        Self {
            scores: prediction.scores(measurements),
            prediction,
        }
    }

    /// What it expects of the weights of a plan: by the formulas of its fills, or by the values
    /// where there is none.
    pub(crate) fn of_plan(
        graph: &Graph,
        planned: &Planned<'_>,
        data: &Data,
        measurements: &[Measurement],
    ) -> Self {
        let moments = |tensor: &Initializer| {
            let name = tensor.tensor.as_ref()?;
            let line = planned.plan.line(name)?;
            WeightMoments::of_line(line).or_else(|| {
                let bytes = planned.tensor(name).ok()?;
                let found = WeightMoments::of_bytes(line.dtype, &bytes)?;
                Some(found.scaled(line.multiplier.unwrap_or(1.0)))
            })
        };
        Self::new(graph, moments, data, measurements)
    }

    /// What it expects of layers with these weights, and how far they are from it.
    pub(crate) fn of(&self, weights: &[&str]) -> Vec<(&Predicted, &Scores)> {
        let pairs = self.prediction.layers.iter().zip(&self.scores);
        pairs
            .filter(|(layer, _)| weights.contains(&&*layer.weight))
            .collect()
    }
}
