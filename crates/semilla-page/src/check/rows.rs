//! The layers as rows: what all seeds say of each.

use semilla::Line;
use semilla_signal::{Finding, Health, Layer};

use super::Check;

/// A layer.
pub(super) struct Row<'a> {
    /// 1 for the first.
    pub(super) number: usize,
    /// It under each seed; never empty.
    pub(super) runs: Vec<&'a Layer>,
    pub(super) health: Health,
    /// The plan's line of its weight.
    pub(super) line: Option<&'a Line>,
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
        let row = |(place, layer): (usize, &'a Layer)| Self {
            number: place + 1,
            runs: runs
                .iter()
                .filter_map(|run| run.layers.get(place))
                .collect(),
            health: health[place],
            line: check
                .weights
                .plan()
                .and_then(|plan| plan.line(&layer.weight)),
            findings: check
                .report
                .verdict
                .findings
                .iter()
                .filter(|finding| names(finding, &layer.weight))
                .collect(),
        };
        first.iter().enumerate().map(row).collect()
    }

    /// The layer's weight.
    pub(super) fn name(&self) -> &'a str {
        &self.first().weight
    }

    /// It under the first seed.
    pub(super) fn first(&self) -> &'a Layer {
        self.runs[0]
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
        Finding::Gradients { .. } | Finding::Alike { .. } => false,
    }
}
