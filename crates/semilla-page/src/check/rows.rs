//! The layers as rows: what all seeds say of each.

use std::collections::HashMap;

use semilla::Line;
use semilla_signal::theory::{Predicted, Scores};
use semilla_signal::{Finding, Health, Layer, LayerSpectrum, LayerStep};

use super::Check;

/// A layer.
pub(super) struct Row<'a> {
    /// 1 for the first.
    pub(super) number: usize,
    /// It under each seed; never empty.
    pub(super) runs: Vec<&'a Layer>,
    pub(super) health: Health,
    /// What theory expects of it.
    pub(super) predicted: Option<&'a Predicted>,
    /// How far the measured is from the predicted.
    pub(super) scores: Option<Scores>,
    /// The squared norm of a sample's gradient at the output, of which predicted ones are factors.
    output_gradient: f64,
    /// The plan's line of its weight.
    pub(super) line: Option<&'a Line>,
    /// What the first step does to it.
    pub(super) step: Option<&'a LayerStep>,
    pub(super) spectrum: Option<&'a LayerSpectrum>,
    /// What names it.
    pub(super) findings: Vec<&'a Finding>,
}

/// What seeds say of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        (!values.is_empty()).then(|| Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl<'a> Row<'a> {
    /// The layers of a check, in order.
    pub(super) fn all(check: &'a Check<'a>) -> Vec<Self> {
        let runs = &check.report.measurements;
        let first = runs.first().map_or(&[][..], |run| &run.layers);
        let health = check.report.health();
        let outputs = Spread::of(runs.iter().map(|run| run.output_gradient));
        let output_gradient = outputs.map_or(f64::NAN, |outputs| outputs.mean);
        let scores = check
            .prediction
            .map_or(Vec::new(), |prediction| prediction.scores(runs));
        let mut scores: HashMap<String, Scores> = scores
            .into_iter()
            .map(|scores| (scores.weight.clone(), scores))
            .collect();
        let mut row = |(place, layer): (usize, &'a Layer)| Self {
            number: place + 1,
            runs: runs
                .iter()
                .filter_map(|run| run.layers.get(place))
                .collect(),
            health: health[place],
            predicted: check
                .prediction
                .and_then(|known| known.layer(&layer.weight)),
            scores: scores.remove(&layer.weight),
            output_gradient,
            line: check
                .weights
                .plan()
                .and_then(|plan| plan.line(&layer.weight)),
            step: check
                .first_step
                .and_then(|found| found.layers.iter().find(|own| own.weight == layer.weight)),
            spectrum: check
                .spectra
                .and_then(|found| found.layers.iter().find(|own| own.weight == layer.weight)),
            findings: check
                .report
                .verdict
                .findings
                .iter()
                .filter(|finding| names(finding, &layer.weight))
                .collect(),
        };
        first.iter().enumerate().map(&mut row).collect()
    }

    /// The layer's weight.
    pub(super) fn name(&self) -> &'a str {
        &self.first().weight
    }

    /// It under the first seed.
    pub(super) fn first(&self) -> &'a Layer {
        self.runs[0]
    }

    /// What theory expects of the squared norm of a sample's gradient.
    pub(super) fn predicted_gradient(&self) -> Option<f64> {
        Some(self.predicted?.gradient? * self.output_gradient)
    }

    /// A number under all seeds that have it.
    pub(super) fn spread(&self, of: impl Fn(&Layer) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|layer| of(layer)))
    }
}

/// Whether a finding is about a weight.
fn names(finding: &Finding, name: &str) -> bool {
    match finding {
        Finding::NotFinite { weight } | Finding::Dead { weight, .. } => weight == name,
        Finding::NoGradient { weights } => weights.iter().any(|weight| weight == name),
        Finding::Stuck { .. } => true,
        Finding::Gradients { .. } | Finding::Alike { .. } => false,
    }
}
