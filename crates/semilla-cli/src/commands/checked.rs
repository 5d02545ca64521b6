//! What a check gives.

use semilla::graph::Initializer;
use semilla::{Graph, Plan};
use semilla_signal::theory::{Given, Prediction, Scores, WeightMoments, predict};
use semilla_signal::{Datum, Report};
use serde::Serialize;

/// What was measured, and what theory expects.
#[derive(Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) report: Report,
    pub(super) prediction: Prediction,
    /// How far they are apart, for each predicted layer.
    pub(super) scores: Vec<Scores>,
    /// The plan of the weights, if they do not come from a file, and its seeds.
    #[serde(skip)]
    pub(super) planned: Option<(Plan, Vec<u64>)>,
}

impl Checked {
    /// What was measured, beside what theory expects of weights of these moments.
    pub(super) fn new(
        report: Report,
        graph: &Graph,
        inputs: &[(String, Datum<f32>)],
        weights: impl Fn(&Initializer) -> Option<WeightMoments>,
    ) -> Self {
        let given = inputs
            .iter()
            .map(|(name, datum)| (name.clone(), Given::of(datum)));
        let prediction = predict(graph, weights, &given.collect::<Vec<_>>());
        Self {
            scores: prediction.scores(&report.measurements),
            report,
            prediction,
            planned: None,
        }
    }
}

/// The moments of values that are there.
pub(super) fn moments(datum: &Datum<f32>) -> Option<WeightMoments> {
    match datum {
        Datum::Float(array) => Some(WeightMoments::of_values(array.data())),
        Datum::Whole(_) => None,
    }
}
