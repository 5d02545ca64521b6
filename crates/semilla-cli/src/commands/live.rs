//! Checks of modules that run elsewhere, for programs.

use semilla::lint::Finding;
use semilla::{Graph, Plan};
use semilla_page::check::{Check, Data, Weights, page};
use semilla_signal::{Measurement, Verdict};
use serde::Serialize;

use crate::commands::checked::Checked;
use crate::show::check::print;
use crate::show::output::Output;

/// The plan of the weights that a check gave a module.
pub struct LivePlan {
    /// The plan with the first seed.
    pub plan: Plan,
    /// The seed of each measurement.
    pub seeds: Vec<u64>,
    /// The plan's likely mistakes.
    pub lint: Vec<Finding>,
}

/// What hooks recorded of a module, and the verdict: shown as `semilla check` shows its own.
/// Serialized, it is the command's JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub struct LiveCheck {
    checked: Checked,
}

impl LiveCheck {
    /// Of measurements on so many samples; with the plan of the weights, unless they are as the
    /// module had them.
    pub fn new(measurements: Vec<Measurement>, samples: usize, planned: Option<LivePlan>) -> Self {
        let mut checked = Checked::recorded(measurements, samples);
        if let Some(LivePlan { plan, seeds, lint }) = planned {
            checked.planned = Some((plan, seeds));
            checked.lint = lint;
        }
        Self { checked }
    }

    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.checked.report.verdict
    }

    /// What the command prints, for a place of this many columns; all layers if `full`.
    pub fn table(&self, width: Option<usize>, full: bool) -> String {
        let shown = Output::text(width, |output| print(&self.checked, full, output));
        // A text takes whatever is written to it.
        shown.unwrap_or_default()
    }

    /// The page, with the module drawn as this graph.
    pub fn page(&self, model: &str, graph: &Graph) -> String {
        page(&Check {
            model,
            graph,
            report: &self.checked.report,
            prediction: None,
            weights: match &self.checked.planned {
                Some((plan, seeds)) => Weights::Planned { plan, seeds },
                None => Weights::Live,
            },
            data: Data::Given,
            samples: self.checked.data.samples,
            first_step: None,
            spectra: None,
            lint: &self.checked.lint,
            remedy: None,
        })
    }
}
